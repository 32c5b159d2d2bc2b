package manifests_test

import (
	"encoding/json"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

const (
	extender  = "kube-mesos-extender"
	scheduler = "kube-mesos-scheduler"
)

// schedulerConfig is the part of kubescheduler.config.k8s.io/v1 that is used.
type schedulerConfig struct {
	metav1.TypeMeta `json:",inline"`
	LeaderElection  struct {
		LeaderElect       bool   `json:"leaderElect"`
		ResourceName      string `json:"resourceName"`
		ResourceNamespace string `json:"resourceNamespace"`
	} `json:"leaderElection"`
	ClientConnection struct {
		QPS   float32 `json:"qps"`
		Burst int32   `json:"burst"`
	} `json:"clientConnection"`
	PodInitialBackoffSeconds int64 `json:"podInitialBackoffSeconds"`
	PodMaxBackoffSeconds     int64 `json:"podMaxBackoffSeconds"`
	Profiles                 []struct {
		SchedulerName            string `json:"schedulerName"`
		PercentageOfNodesToScore int32  `json:"percentageOfNodesToScore"`
		PluginConfig             []struct {
			Name string `json:"name"`
			Args struct {
				AddedAffinity corev1.NodeAffinity `json:"addedAffinity"`
			} `json:"args"`
		} `json:"pluginConfig"`
	} `json:"profiles"`
	Extenders []schedulerExtender `json:"extenders"`
}

type schedulerExtender struct {
	URLPrefix        string          `json:"urlPrefix"`
	FilterVerb       string          `json:"filterVerb"`
	PrioritizeVerb   string          `json:"prioritizeVerb"`
	PreemptVerb      string          `json:"preemptVerb"`
	BindVerb         string          `json:"bindVerb"`
	Weight           int64           `json:"weight"`
	EnableHTTPS      bool            `json:"enableHTTPS"`
	HTTPTimeout      metav1.Duration `json:"httpTimeout"`
	NodeCacheCapable bool            `json:"nodeCacheCapable"`
	Ignorable        bool            `json:"ignorable"`
}

func schedulerFile(t *testing.T) schedulerConfig {
	t.Helper()
	var c schedulerConfig
	decode(t, read(t, "base", "scheduler-config.yaml"), &c)
	if len(c.Profiles) != 1 || len(c.Extenders) != 1 {
		t.Fatalf("%d profiles and %d extenders, want one of each", len(c.Profiles), len(c.Extenders))
	}
	return c
}

func extenderFile(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Load(filepath.Join("base", "extender-config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSchedulerAndExtenderAgree(t *testing.T) {
	ours, theirs := extenderFile(t), schedulerFile(t)
	e := theirs.Extenders[0]
	if got := theirs.Profiles[0].SchedulerName; got != ours.SchedulerName {
		t.Errorf("the profile is %q, the extender's schedulerName %q", got, ours.SchedulerName)
	}
	if e.HTTPTimeout.Duration < ours.Bind.Timeout.Duration+5*time.Second {
		t.Errorf("httpTimeout %s leaves no room above bind.timeout %s", e.HTTPTimeout.Duration, ours.Bind.Timeout.Duration)
	}
	if e.Ignorable || !e.NodeCacheCapable || e.EnableHTTPS != (ours.Server.TLS.CertFile != "") {
		t.Errorf("unsafe or mismatched: %+v", e)
	}
	if e.Weight < 1 || theirs.PodMaxBackoffSeconds < theirs.PodInitialBackoffSeconds || theirs.PodInitialBackoffSeconds < 1 {
		t.Error("kube-scheduler would refuse the weight or the back-off")
	}
	verbs := []string{e.FilterVerb, e.PrioritizeVerb, e.PreemptVerb, e.BindVerb}
	if diff := cmp.Diff([]string{"filter", "prioritize", "preempt", "bind"}, verbs); diff != "" {
		t.Errorf("verbs (-want +got):\n%s", diff)
	}
}

func TestSchedulerFindsTheExtender(t *testing.T) {
	s, ours := load(t, "base"), extenderFile(t)
	address, err := url.Parse(schedulerFile(t).Extenders[0].URLPrefix)
	if err != nil {
		t.Fatal(err)
	}
	service := named[*corev1.Service](t, s, extender)
	want := net.JoinHostPort(service.Name+"."+service.Namespace+".svc", strconv.Itoa(int(service.Spec.Ports[0].Port)))
	if address.Host != want || address.Path != "" {
		t.Errorf("kube-scheduler calls %s, the Service is at %s", address, want)
	}
	host, port, err := net.SplitHostPort(ours.Server.Address)
	if err != nil || host != "" {
		t.Errorf("the extender listens on %q, which others do not reach", ours.Server.Address)
	}
	deployment := named[*appsv1.Deployment](t, s, extender)
	pod := deployment.Spec.Template
	if got := strconv.Itoa(int(pod.Spec.Containers[0].Ports[0].ContainerPort)); got != port || pod.Annotations["prometheus.io/port"] != port {
		t.Errorf("the extender listens on port %s, its container says %s and its annotation %s", port, got, pod.Annotations["prometheus.io/port"])
	}
	grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second
	if grace < ours.Server.ShutdownTimeout.Duration+5*time.Second || grace < ours.Bind.Timeout.Duration {
		t.Errorf("pods are killed after %s, before binds in flight have finished", grace)
	}
}

func TestLeasesAreAllowed(t *testing.T) {
	s, ours, theirs := load(t, "base"), extenderFile(t), schedulerFile(t)
	if lease := ours.Kubernetes.Lease; !allows(named[*rbacv1.Role](t, s, extender), lease.Namespace, lease.Name) {
		t.Errorf("the extender may not use its Lease %s/%s", lease.Namespace, lease.Name)
	}
	election := theirs.LeaderElection
	if !election.LeaderElect || !allows(named[*rbacv1.Role](t, s, scheduler), election.ResourceNamespace, election.ResourceName) {
		t.Errorf("kube-scheduler may not use its Lease %s/%s", election.ResourceNamespace, election.ResourceName)
	}
	if election.ResourceName == "kube-scheduler" || election.ResourceName == ours.Kubernetes.Lease.Name {
		t.Errorf("kube-scheduler competes for the Lease %q of somebody else", election.ResourceName)
	}
}

// allows reports whether the role lets a Lease of this name be renewed.
func allows(role *rbacv1.Role, namespace, name string) bool {
	return role.Namespace == namespace && slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Resources, "leases") && slices.Contains(r.ResourceNames, name) &&
			slices.Contains(r.Verbs, "get") && slices.Contains(r.Verbs, "update")
	})
}

// TestPolicyEqualsConfiguration compares the Policy for old clusters, which
// writes a timeout in nanoseconds and HTTPS in other letters.
func TestPolicyEqualsConfiguration(t *testing.T) {
	var policy struct {
		metav1.TypeMeta `json:",inline"`
		Extenders       []struct {
			schedulerExtender
			EnableHTTPS bool          `json:"enableHttps"`
			HTTPTimeout time.Duration `json:"httpTimeout"`
		} `json:"extenders"`
	}
	if err := json.Unmarshal(read(t, "policy", "policy.json"), &policy); err != nil {
		t.Fatal(err)
	}
	if policy.Kind != "Policy" || policy.APIVersion != "v1" || len(policy.Extenders) != 1 {
		t.Fatalf("not a Policy with one extender: %+v", policy)
	}
	got := policy.Extenders[0].schedulerExtender
	got.EnableHTTPS = policy.Extenders[0].EnableHTTPS
	got.HTTPTimeout = metav1.Duration{Duration: policy.Extenders[0].HTTPTimeout}
	if diff := cmp.Diff(schedulerFile(t).Extenders[0], got); diff != "" {
		t.Errorf("extender (-configuration +policy):\n%s", diff)
	}
}

func TestExampleOptsIn(t *testing.T) {
	d := named[*appsv1.Deployment](t, load(t, "example"), "mesos-example")
	if got, want := d.Spec.Template.Spec.SchedulerName, extenderFile(t).SchedulerName; got != want {
		t.Errorf("schedulerName %q, want %q", got, want)
	}
	if len(selected(t, load(t, "example"), d.Spec.Selector)) != 1 {
		t.Error("the Deployment does not select its own pods")
	}
}
