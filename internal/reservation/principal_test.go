package reservation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The extender's principal was changed. What the former one reserved may only
// be unreserved by ours if the operator has said so.
func TestScenario27FormerPrincipal(t *testing.T) {
	for name, adopt := range map[string]bool{"is left alone": false, "is adopted if configured": true} {
		t.Run(name, func(t *testing.T) {
			restarted(t, func(t *testing.T, h *house) {
				h.opts.AdoptFormer = adopt
				former := unreserved(one).Push(layer(testCluster, testRole, "former", podOf("p1"), reservedAt), one)
				h.operator.lists(agentOf(agent1, former))
				h.connect()
				h.offer(offerOf("o1", agent1, former))
				time.Sleep(2 * testOptions.OrphanGrace) // its pod is gone
				h.offer(offerOf("o2", agent1, former))
				synctest.Wait()
				want := 0
				if adopt {
					want = 1
				}
				if got := h.master.sent(); got != want {
					t.Errorf("%d ACCEPTs, want %d", got, want)
				}
				time.Sleep(2 * testOptions.OperatorAfter)
				if undone := len(h.operator.undone()); !adopt && undone != 0 {
					t.Errorf("%d unreserved by the operator API", undone)
				}
				if got := testutil.ToFloat64(h.metrics.former); got != float64(1-want) {
					t.Errorf("%v of former principals counted, want each once", got)
				}
			})
		})
	}
}
