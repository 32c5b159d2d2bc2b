package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// read is what decisions are made from in a pod that no kubelet has seen.
func read(pod *corev1.Pod) *corev1.Pod {
	out := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID,
			CreationTimestamp: pod.CreationTimestamp, Annotations: pod.Annotations,
		},
		Spec: corev1.PodSpec{
			SchedulerName: pod.Spec.SchedulerName, Priority: pod.Spec.Priority, HostNetwork: pod.Spec.HostNetwork,
			Overhead: pod.Spec.Overhead, Resources: pod.Spec.Resources,
			Affinity: pod.Spec.Affinity, TopologySpreadConstraints: pod.Spec.TopologySpreadConstraints,
		},
	}
	trim := func(containers []corev1.Container) (trimmed []corev1.Container) {
		for i := range containers {
			c := &containers[i]
			var ports []corev1.ContainerPort
			for _, p := range c.Ports {
				ports = append(ports, corev1.ContainerPort{HostPort: p.HostPort, ContainerPort: p.ContainerPort})
			}
			trimmed = append(trimmed, corev1.Container{
				Name: c.Name, Ports: ports, RestartPolicy: c.RestartPolicy,
				Resources: corev1.ResourceRequirements{Requests: c.Resources.Requests},
			})
		}
		return trimmed
	}
	for _, owner := range pod.OwnerReferences {
		out.OwnerReferences = append(out.OwnerReferences, metav1.OwnerReference{Kind: owner.Kind, Controller: owner.Controller})
	}
	for _, toleration := range pod.Spec.Tolerations {
		out.Spec.Tolerations = append(out.Spec.Tolerations, corev1.Toleration{Effect: toleration.Effect})
	}
	out.Spec.Containers, out.Spec.InitContainers = trim(pod.Spec.Containers), trim(pod.Spec.InitContainers)
	return out
}

// scanAgrees compares the scan of a body with encoding/json and reports whether
// the scan knew. What it knows must mean the same, unless encoding/json finds a
// fault in a field that nobody reads.
func scanAgrees(t *testing.T, body string) bool {
	t.Helper()
	fast, _, ok := scanArgs([]byte(body), nil)
	if !ok {
		return false
	}
	if !json.Valid([]byte(body)) {
		t.Fatalf("a scan accepts what is no JSON: %q", body)
	}
	slow, err := decodeArgs([]byte(body))
	if err != nil {
		if !strings.Contains(err.Error(), "Pod.") && !strings.Contains(err.Error(), "Pod:") {
			t.Fatalf("a scan accepts what is refused: %v", err)
		}
		return true
	}
	if got, want := fast.names.CopyAll(), slow.names.CopyAll(); slow.nodes != nil || !slices.Equal(got, want) {
		t.Fatalf("names are %q, want %q", got, want)
	}
	if diff := cmp.Diff(read(slow.pod), fast.pod, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("pod (-encoding/json +scan):\n%s", diff)
	}
	if filter.HasPreferences(fast.pod) != filter.HasPreferences(slow.pod) {
		t.Fatal("the preferences differ")
	}
	if filter.SpreadByDefault(fast.pod) != filter.SpreadByDefault(slow.pod) || filter.ToleratesAvoided(fast.pod) != filter.ToleratesAvoided(slow.pod) {
		t.Fatal("what the scheduler's scores say differs")
	}
	return true
}

const richPodJSON = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"ns","uid":"u1","creationTimestamp":"2026-11-22T09:03:59Z",
"annotations":{"kube-mesos-extender.io/role":"batch","note":"tab\tand \u00fc, ü \ud83d\ude00"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"u","controller":true},{"kind":"X","controller":null}],
"managedFields":[{"fieldsV1":{"f:spec":{}}}]},"spec":{"schedulerName":"mesos-scheduler","priority":-7,"hostNetwork":true,
"overhead":{"cpu":"250m"},"resources":{"requests":{"cpu":3}},"nodeSelector":{"a":"b"},"tolerations":[{"key":"gone","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"operator":"Exists"}],"terminationGracePeriodSeconds":3.0e1,
"affinity":{"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":5,"podAffinityTerm":{"topologyKey":"zone"}}]}},
"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"}],
"initContainers":[{"name":"i","restartPolicy":"Always","resources":{"limits":{"cpu":"1"},"requests":{"cpu":"1","memory":"1e3"}}}],
"containers":[{"name":"c","image":"x","env":[{"name":"A","value":"\\\"\/"}],"ports":[{"containerPort":80,"hostPort":8080}],"resources":{"requests":{"cpu":1.5,"example.com/fpga":"2"}}},{"name":"d","resources":{}}]},
"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","message":"0/3 nodes are available"}]}}`

func TestScanKnowsWhatIsSent(t *testing.T) {
	names := `"NodeNames":["node-1","a.b","X_y","n]1","a-name-of-several-words.example.com"]`
	known := []string{
		`{"Pod":` + podJSON + `,"Nodes":null,` + names + `}`,
		`{"Pod":` + foreignPodJSON + `,` + names + `}`,
		`{"Pod":` + richPodJSON + `,"Nodes":null,` + names + `}`,
		`{` + names + `,"Pod":` + podJSON + `} ` + "\n",
		`{"Pod":` + podJSON + `,"NodeNames":[]}`,
		`{"Pod":` + strings.Replace(podJSON, `"priority":10`, `"priority":null,"affinity":null`, 1) + `,"NodeNames":["n"]}`,
	}
	for _, folder := range folders {
		for _, verb := range []string{"filter", "prioritize"} {
			known = append(known, recorded(t, folder+"/"+verb+"-1-request.json"))
		}
	}
	for _, body := range known {
		if !scanAgrees(t, body) {
			t.Errorf("the scan does not know %s", body)
		}
	}
}

func TestScanLeavesTheUnusualAlone(t *testing.T) {
	pod, names := `"Pod":`+podJSON, `"NodeNames":["n1"]`
	change := func(old, to string) string {
		return `{"Pod":` + strings.Replace(podJSON, old, to, 1) + `,` + names + `}`
	}
	for name, body := range map[string]string{
		"nothing":                  ``,
		"no object":                `[]`,
		"no pod":                   `{` + names + `}`,
		"null pod":                 `{"Pod":null,` + names + `}`,
		"no names":                 `{` + pod + `}`,
		"null names":               `{` + pod + `,"NodeNames":null}`,
		"whole nodes":              `{` + pod + `,"Nodes":{"items":[]}}`,
		"unknown field":            `{` + pod + `,` + names + `,"x":1}`,
		"lower case":               `{"pod":` + podJSON + `,` + names + `}`,
		"names twice":              `{` + pod + `,` + names + `,` + names + `}`,
		"pod twice":                `{` + pod + `,` + pod + `,` + names + `}`,
		"goes on":                  `{` + pod + `,` + names + `}{}`,
		"cut off":                  `{` + pod + `,"NodeNames":["n1"`,
		"empty name":               `{` + pod + `,"NodeNames":["n1",""]}`,
		"escaped name":             `{` + pod + `,"NodeNames":["n\u0031"]}`,
		"escaped quote":            `{` + pod + `,"NodeNames":["n\"1"]}`,
		"name with an umlaut":      `{` + pod + `,"NodeNames":["nü"]}`,
		"name with a control":      `{` + pod + `,"NodeNames":["n` + "\x01" + `"]}`,
		"number for a name":        `{` + pod + `,"NodeNames":[1]}`,
		"trailing comma":           `{` + pod + `,"NodeNames":["n1",]}`,
		"no comma":                 `{` + pod + `,"NodeNames":["n1""n2"]}`,
		"nothing after a comma":    `{` + pod + `,"NodeNames":["n1",`,
		"nothing after a bracket":  `{` + pod + `,"NodeNames":[`,
		"names that go on":         `{` + pod + `,"NodeNames":["n1","n2"x]}`,
		"names without an end":     `{` + pod + `,"NodeNames":["n1"`,
		"a name without an end":    `{` + pod + `,"NodeNames":["12345678`,
		"a long control":           `{` + pod + `,"NodeNames":["12345678901` + "\n" + `234"]}`,
		"space between names":      `{` + pod + `,"NodeNames":["n1", "n2"]}`,
		"field twice":              change(`"priority":10`, `"priority":10,"priority":11`),
		"field in capitals":        change(`"priority":10`, `"Priority":10`),
		"escaped field":            change(`"priority":10`, `"prior\u0069ty":10`),
		"field with a Kelvin sign": change(`"priority":10`, `"hostNetworK":true`),
		"number for a text":        change(`"name":"p"`, `"name":1`),
		"bad quantity":             change(`"cpu":"2"`, `"cpu":"two"`),
		"broad priority":           change(`"priority":10`, `"priority":99999999999`),
		"a running pod":            change(`"spec":`, `"status":{"containerStatuses":[]},"spec":`),
		"leading zero":             change(`"priority":10`, `"x":01`),
		"bare minus":               change(`"priority":10`, `"x":-`),
		"half an exponent":         change(`"priority":10`, `"x":1e`),
		"half a fraction":          change(`"priority":10`, `"x":1.`),
		"bad escape":               change(`"priority":10`, `"x":"\x"`),
		"short escape":             change(`"priority":10`, `"x":"\u12"`),
		"control in a text":        change(`"priority":10`, `"x":"`+"\n"+`"`),
		"cut off in an escape":     `{"Pod":{"metadata":{"annotations":{"a\`,
		"cut off in a value":       `{"Pod":{"metadata":{"x":"\`,
		"bad word":                 change(`"priority":10`, `"x":nul`),
		"deep":                     change(`"priority":10`, `"x":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)),
		"pod without a UID":        change(`"uid":"u1"`, `"generation":1`),
	} {
		t.Run(name, func(t *testing.T) {
			if scanAgrees(t, body) {
				t.Errorf("%s is not left to encoding/json", body)
			}
		})
	}
}

// The pod lives longer than the body it came in, and so do names that were copied.
func TestScanCopiesThePod(t *testing.T) {
	body := []byte(`{"Pod":` + podJSON + `,"NodeNames":["n1","n2"]}`)
	a, _, ok := scanArgs(body, nil)
	some, all := a.names.Copy([]int{1}), a.names.CopyAll()
	clear(body)
	if !ok || !slices.Equal(some, []string{"n2"}) || !slices.Equal(all, []string{"n1", "n2"}) || a.pod.Name != "p" {
		t.Errorf("%q and %q of pod %q, want n1 and n2 of p", some, all, a.pod.Name)
	}
}

func FuzzScanArgs(f *testing.F) {
	for _, folder := range folders {
		f.Add(recorded(f, folder+"/filter-1-request.json"))
	}
	f.Add(`{"Pod":` + podJSON + `,"NodeNames":["n1","n2"]}`)
	f.Add(`{"Pod":` + richPodJSON + `,"Nodes":null,"NodeNames":["n1"]}`)
	f.Fuzz(func(t *testing.T, body string) { scanAgrees(t, body) })
}

// What is appended means what encoding/json would have said.
func FuzzAppendString(f *testing.F) {
	for _, text := range []string{"", "node-1", `a"b\c`, "ü", "\x00\x1f\x7f", "\xff", "<&>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		want := decoded[string](t, string(encoded))
		if got := decoded[string](t, string(appendString(nil, text))); got != want {
			t.Fatalf("%q is read as %q, want %q", text, got, want)
		}
	})
}

func TestAppendedResults(t *testing.T) {
	names := []string{"n1", `odd "name"`}
	for name, tt := range map[string]struct {
		result filterResult
		want   extenderv1.ExtenderFilterResult
	}{
		"fits":    {filterResult{names: names}, extenderv1.ExtenderFilterResult{NodeNames: &names}},
		"nothing": {filterResult{}, extenderv1.ExtenderFilterResult{NodeNames: &[]string{}}},
		"refused": {
			filterResult{refused: filter.NamesOf(names...), reasons: []filter.Reason{filter.NoAgent, filter.NoOffers}},
			extenderv1.ExtenderFilterResult{NodeNames: &[]string{}, FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{
				"n1": string(filter.NoAgent), `odd "name"`: string(filter.NoOffers),
			}},
		},
		"whole": {
			filterResult{whole: true, nodes: []node{{"a", []byte(`{"metadata":{"name":"a"}}`)}, {"b", []byte(`{"metadata":{"name":"b"}}`)}}},
			extenderv1.ExtenderFilterResult{Nodes: &corev1.NodeList{Items: []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}}}},
		},
		"error": {filterResult{failed: `a "bad" pod`}, extenderv1.ExtenderFilterResult{Error: `a "bad" pod`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := decoded[extenderv1.ExtenderFilterResult](t, string(tt.result.appendJSON([]byte("{}")))[2:])
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if (got.NodeNames == nil) != (tt.want.NodeNames == nil) || (got.Nodes == nil) != (tt.want.Nodes == nil) {
				t.Errorf("result is %+v, want the form of %+v", got, tt.want)
			}
		})
	}
	scores := priorities{names: filter.NamesOf(names...), scores: []int64{10, 0}}
	if diff := cmp.Diff(`[{"Host":"n1","Score":10},{"Host":"odd \"name\"","Score":0}]`, string(scores.appendJSON(nil))); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}
