package server

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// recorded returns a file of what a real kube-scheduler sent, compact as on
// the wire.
func recorded(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "exchanges", name))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		t.Fatal(err)
	}
	return compact.String()
}

func decoded[T any](t testing.TB, text string) T {
	t.Helper()
	var into T
	if err := json.Unmarshal([]byte(text), &into); err != nil {
		t.Fatal(err)
	}
	return into
}

// keys returns the names of a JSON object's fields.
func keys(t *testing.T, text string) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(decoded[map[string]json.RawMessage](t, text)))
}

var folders = []string{".", "nocache", "tls"}

func TestRecordedFilter(t *testing.T) {
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			body := recorded(t, folder+"/filter-1-request.json")
			sent := decoded[extenderv1.ExtenderArgs](t, body)
			f := newFace(&world{view: filter.View{Offers: everywhere(vector(4, 128))}})
			response := f.post("/filter", body)
			if diff := cmp.Diff(keys(t, recorded(t, folder+"/filter-1-response.json")), keys(t, response.Body.String())); diff != "" {
				t.Errorf("fields of the answer (-recorded +ours):\n%s", diff)
			}
			want := extenderv1.ExtenderFilterResult{
				NodeNames: sent.NodeNames, FailedNodes: extenderv1.FailedNodesMap{}, FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{},
			}
			if diff := cmp.Diff(want, decoded[extenderv1.ExtenderFilterResult](t, response.Body.String())); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordedPrioritize(t *testing.T) {
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			body := recorded(t, folder+"/prioritize-1-request.json")
			sent := decoded[extenderv1.ExtenderArgs](t, body)
			f := newFace(&world{view: filter.View{Offers: everywhere(vector(4, 128))}})
			got := answer[extenderv1.HostPriorityList](t, f, "/prioritize", body)
			if len(got) != len(*sent.NodeNames) {
				t.Fatalf("%d scores for %d nodes", len(got), len(*sent.NodeNames))
			}
			for i, score := range got {
				if score.Host != (*sent.NodeNames)[i] || score.Score < 1 || score.Score > 10 {
					t.Fatalf("score %d is %+v", i, score)
				}
			}
		})
	}
}

func TestRecordedPreempt(t *testing.T) {
	for folder, victims := range map[string]func(*testing.T, string) map[string][]string{
		".": func(t *testing.T, body string) map[string][]string {
			uids := map[string][]string{}
			for node, v := range decoded[extenderv1.ExtenderPreemptionArgs](t, body).NodeNameToMetaVictims {
				for _, pod := range v.Pods {
					uids[node] = append(uids[node], pod.UID)
				}
			}
			return uids
		},
		"nocache": func(t *testing.T, body string) map[string][]string {
			uids := map[string][]string{}
			for node, v := range decoded[extenderv1.ExtenderPreemptionArgs](t, body).NodeNameToVictims {
				for _, pod := range v.Pods {
					uids[node] = append(uids[node], string(pod.UID))
				}
			}
			return uids
		},
	} {
		t.Run(folder, func(t *testing.T) {
			body := recorded(t, folder+"/preempt-1-request.json")
			want := victims(t, body)
			w := &world{view: filter.View{Offers: offers{}, Occupants: occupants{}}}
			// On all nodes but one the victims' reservations make room.
			for node, uids := range want {
				for _, uid := range uids {
					w.view.Occupants.(occupants)[node] = append(w.view.Occupants.(occupants)[node], filter.Occupant{UID: uid, Reserved: vector(2, 64)})
				}
			}
			delete(w.view.Occupants.(occupants), "node-00001")
			delete(want, "node-00001")
			got := map[string][]string{}
			for node, v := range answer[extenderv1.ExtenderPreemptionResult](t, newFace(w), "/preempt", body).NodeNameToMetaVictims {
				for _, pod := range v.Pods {
					got[node] = append(got[node], pod.UID)
				}
			}
			if len(want) != 2 {
				t.Fatalf("the recording has other nodes than this test expects: %v", want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordedBind(t *testing.T) {
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			body := recorded(t, folder+"/bind-1-request.json")
			w := &world{}
			response := newFace(w).post("/bind", body)
			id := response.Header().Get(requestIDHeader)
			if got := response.Body.String(); got != `{"Error":""}` {
				t.Errorf("answer = %s", got)
			}
			sent := decoded[extenderv1.ExtenderBindingArgs](t, body)
			want := []bind.Target{{Namespace: sent.PodNamespace, Name: sent.PodName, UID: string(sent.PodUID), Node: sent.Node, RequestID: id}}
			if diff := cmp.Diff(want, w.bound); diff != "" {
				t.Errorf("bound (-want +got):\n%s", diff)
			}
		})
	}
}

// The recordings hold no filter call with whole nodes, so the request is made
// as kube-scheduler makes it: by encoding the API's own types.
func TestFilterWithWholeNodes(t *testing.T) {
	nodes := `{"metadata":{},"items":[
		{"metadata":{"name":"n1"},"spec":{"fieldOfTheFuture":{"a":1}},"status":{"capacity":{"cpu":"4"}}},
		{"metadata":{"name":"n2"},"spec":{},"status":{}},
		{"metadata":{"name":"n3","labels":{"x":"y"}},"spec":{},"status":{}}]}`
	f := newFace(&world{view: filter.View{Offers: offers{"n1": vector(2, 64), "n2": vector(1, 64), "n3": vector(9, 99)}}})
	response := f.post("/filter", `{"Pod":`+podJSON+`,"Nodes":`+nodes+`,"NodeNames":null}`)
	want := `{"Nodes":{"items":[` +
		`{"metadata":{"name":"n1"},"spec":{"fieldOfTheFuture":{"a":1}},"status":{"capacity":{"cpu":"4"}}},` +
		`{"metadata":{"name":"n3","labels":{"x":"y"}},"spec":{},"status":{}}]},"NodeNames":null,"FailedNodes":{},` +
		`"FailedAndUnresolvableNodes":{},"Error":""}`
	if diff := cmp.Diff(want, response.Body.String()); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if got := decoded[extenderv1.ExtenderFilterResult](t, response.Body.String()); len(got.Nodes.Items) != 2 || got.Nodes.Items[1].Labels["x"] != "y" {
		t.Errorf("the scheduler reads %+v", got.Nodes)
	}
}

func TestPrioritizeWithWholeNodes(t *testing.T) {
	f := newFace(&world{view: filter.View{Offers: offers{"n1": vector(2, 64), "n2": vector(4, 6400)}}})
	got := answer[extenderv1.HostPriorityList](t, f, "/prioritize",
		`{"Pod":`+podJSON+`,"Nodes":{"items":[{"metadata":{"name":"n2"}},{"metadata":{"name":"n1"}}]}}`)
	if diff := cmp.Diff(extenderv1.HostPriorityList{{Host: "n2", Score: 5}, {Host: "n1", Score: 10}}, got); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}

// A request that a scheduler older than 1.16 sends has lower-case keys.
func TestLowerCaseEnvelope(t *testing.T) {
	f := newFace(&world{view: filter.View{Offers: everywhere(vector(2, 64))}})
	got := answer[extenderv1.ExtenderFilterResult](t, f, "/filter", `{"pod":`+podJSON+`,"nodenames":["n1"]}`)
	if got.NodeNames == nil || !slices.Equal(*got.NodeNames, []string{"n1"}) {
		t.Errorf("answer = %+v", got)
	}
}
