package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

func TestFilterNamesFewCandidates(t *testing.T) {
	soft := strings.Replace(podJSON, `"priority":10`, `"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"}]`, 1)
	spread := strings.Replace(podJSON, `"uid"`, `"ownerReferences":[{"kind":"ReplicaSet","controller":true}],"uid"`, 1)
	tolerant := strings.Replace(podJSON, `"priority":10`, `"tolerations":[{"operator":"Exists"}]`, 1)
	var names, items []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("n%d", i))
		items = append(items, fmt.Sprintf(`{"metadata":{"name":"n%d"}}`, i))
	}
	quoted, _ := json.Marshal(names)
	byName, whole := `"NodeNames":`+string(quoted), `"Nodes":{"items":[`+strings.Join(items, ",")+`]}`
	tests := []struct {
		name, pod, nodes string
		candidates, want int
		sole             bool
	}{
		{"few", podJSON, byName, 5, 5, false},
		{"the best alone", podJSON, byName, 5, 1, true},
		{"few, to a pod that is spread by default", spread, byName, 5, 5, true},
		{"few, to a pod that tolerates soft taints", tolerant, byName, 5, 5, true},
		{"all, when told so", podJSON, byName, 0, 50, true},
		{"all, to a pod with preferences", soft, byName, 5, 50, true},
		{"all, to a foreign pod", foreignPodJSON, byName, 5, 50, true},
		{"few of whole nodes", podJSON, whole, 5, 5, false},
		{"the best of whole nodes", podJSON, whole, 5, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{view: filter.View{Offers: everywhere(vector(9, 99))}}
			f := newFace(w, func(o *Options) { o.Candidates, o.SoleCandidate = tt.candidates, tt.sole })
			got := answer[extenderv1.ExtenderFilterResult](t, f, "/filter", `{"Pod":`+tt.pod+`,`+tt.nodes+`}`)
			named := 0
			if got.NodeNames != nil {
				named = len(*got.NodeNames)
			} else {
				named = len(got.Nodes.Items)
			}
			if named != tt.want || len(got.FailedAndUnresolvableNodes) > 0 {
				t.Errorf("%d nodes are named and %d refused, want %d and 0", named, len(got.FailedAndUnresolvableNodes), tt.want)
			}
			if line := f.logs.FilterLevelExact(zapcore.InfoLevel).All(); tt.pod != foreignPodJSON && line[0].ContextMap()[logkeys.Fits] != int64(50) {
				t.Errorf("the log does not tell of all that fit: %v", line[0].ContextMap())
			}
		})
	}
}
