package manifests_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// selected returns the Deployments whose pods the selector selects.
func selected(t *testing.T, s set, selector *metav1.LabelSelector) []*appsv1.Deployment {
	t.Helper()
	matcher, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(of[*appsv1.Deployment](s), func(d *appsv1.Deployment) bool {
		return !matcher.Matches(labels.Set(d.Spec.Template.Labels))
	})
}

// only returns the one Deployment that the selector selects.
func only(t *testing.T, s set, what string, selector *metav1.LabelSelector) *appsv1.Deployment {
	t.Helper()
	found := selected(t, s, selector)
	if len(found) != 1 {
		t.Fatalf("%s selects %d Deployments, want one", what, len(found))
	}
	return found[0]
}

// hasPort reports whether the first container has the named port.
func hasPort(d *appsv1.Deployment, port intstr.IntOrString) bool {
	return slices.ContainsFunc(d.Spec.Template.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool {
		return p.Name == port.StrVal && port.StrVal != ""
	})
}

func TestSelectorsAndPorts(t *testing.T) {
	s := load(t, "base")
	for _, d := range of[*appsv1.Deployment](s) {
		if got := only(t, s, d.Name, d.Spec.Selector); got != d {
			t.Errorf("Deployment %s selects the pods of %s", d.Name, got.Name)
		}
		anti := d.Spec.Template.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
		if got := only(t, s, d.Name, anti[0].PodAffinityTerm.LabelSelector); got != d {
			t.Errorf("Deployment %s keeps away from %s", d.Name, got.Name)
		}
	}
	for _, service := range of[*corev1.Service](s) {
		d := only(t, s, service.Name, metav1.SetAsLabelSelector(service.Spec.Selector))
		if target := service.Spec.Ports[0].TargetPort; !hasPort(d, target) {
			t.Errorf("Service %s leads to the port %q, which %s lacks", service.Name, target.String(), d.Name)
		}
	}
	for _, policy := range of[*networkingv1.NetworkPolicy](s) {
		d := only(t, s, policy.Name, &policy.Spec.PodSelector)
		rule := policy.Spec.Ingress[0]
		only(t, s, "the peer in "+policy.Name, rule.From[0].PodSelector)
		if !hasPort(d, *rule.Ports[0].Port) {
			t.Errorf("NetworkPolicy %s opens the port %q, which %s lacks", policy.Name, rule.Ports[0].Port, d.Name)
		}
	}
	for _, budget := range of[*policyv1.PodDisruptionBudget](s) {
		d := only(t, s, budget.Name, budget.Spec.Selector)
		if d.Name == extender {
			t.Error("a budget on the extender, of which one replica is never Ready, keeps nodes from being drained")
		}
	}
}

func TestVolumesAndArguments(t *testing.T) {
	s := load(t, "base")
	for _, d := range of[*appsv1.Deployment](s) {
		pod := d.Spec.Template.Spec
		container := pod.Containers[0]
		volume := pod.Volumes[slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.ConfigMap != nil })]
		source := s.Generators[slices.IndexFunc(s.Generators, func(g generator) bool { return g.Name == volume.ConfigMap.Name })]
		mount := container.VolumeMounts[slices.IndexFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume.Name })]
		key, _, _ := strings.Cut(source.Files[0], "=")
		want := "--config=" + mount.MountPath + "/" + key
		if !slices.Contains(slices.Concat(container.Command, container.Args), want) {
			t.Errorf("%s is not started with %s", d.Name, want)
		}
		for _, m := range container.VolumeMounts {
			if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) || !m.ReadOnly {
				t.Errorf("%s mounts %s, which is no volume or writable", d.Name, m.Name)
			}
		}
		named[*corev1.ServiceAccount](t, s, pod.ServiceAccountName)
	}
}

func TestPodsAreConfinedAndProbed(t *testing.T) {
	s := load(t, "base")
	for _, d := range of[*appsv1.Deployment](s) {
		pod := d.Spec.Template.Spec
		if *d.Spec.Replicas != 2 || pod.PriorityClassName != "system-cluster-critical" || !*pod.SecurityContext.RunAsNonRoot {
			t.Errorf("%s: two critical replicas that are not root are wanted", d.Name)
		}
		for _, c := range pod.Containers {
			confined := c.SecurityContext
			if !*confined.ReadOnlyRootFilesystem || *confined.AllowPrivilegeEscalation || !slices.Equal(confined.Capabilities.Drop, []corev1.Capability{"ALL"}) {
				t.Errorf("%s/%s is not confined: %+v", d.Name, c.Name, confined)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
				t.Errorf("%s/%s requests nothing", d.Name, c.Name)
			}
			for want, probe := range map[string]*corev1.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
				if probe.HTTPGet.Path != want || !hasPort(d, probe.HTTPGet.Port) {
					t.Errorf("%s/%s is probed at %s:%s", d.Name, c.Name, probe.HTTPGet.Port.String(), probe.HTTPGet.Path)
				}
			}
		}
	}
}

// TestRolloutDoesNotWaitForTheStandby: a new replica is Ready only once the old
// leader has gone, so none of the old ones may be required to stay.
func TestRolloutDoesNotWaitForTheStandby(t *testing.T) {
	d := named[*appsv1.Deployment](t, load(t, "base"), extender)
	unavailable, err := intstr.GetScaledValueFromIntOrPercent(d.Spec.Strategy.RollingUpdate.MaxUnavailable, int(*d.Spec.Replicas), false)
	if err != nil || unavailable < int(*d.Spec.Replicas) {
		t.Errorf("%d of %d old replicas may stop before a new one is Ready (%v)", unavailable, *d.Spec.Replicas, err)
	}
}

func TestBindingsReferToRolesAndAccounts(t *testing.T) {
	s := load(t, "base")
	builtIn := []string{"system:kube-scheduler", "system:volume-scheduler", "extension-apiserver-authentication-reader"}
	check := func(name string, role rbacv1.RoleRef, subjects []rbacv1.Subject) {
		switch {
		case slices.Contains(builtIn, role.Name):
		case role.Kind == "ClusterRole":
			named[*rbacv1.ClusterRole](t, s, role.Name)
		default:
			named[*rbacv1.Role](t, s, role.Name)
		}
		for _, subject := range subjects {
			account := named[*corev1.ServiceAccount](t, s, subject.Name)
			if subject.Kind != "ServiceAccount" || subject.Namespace != account.Namespace {
				t.Errorf("%s binds %+v", name, subject)
			}
		}
	}
	for _, b := range of[*rbacv1.ClusterRoleBinding](s) {
		check(b.Name, b.RoleRef, b.Subjects)
	}
	for _, b := range of[*rbacv1.RoleBinding](s) {
		check(b.Name, b.RoleRef, b.Subjects)
	}
}
