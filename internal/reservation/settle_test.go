package reservation

import (
	"testing"
	"time"
)

// A pod that our informer does not watch, because its scheduler's name was
// changed in the configuration, ends without our hearing of it.
func TestEndOfAPodThatIsNotWatchedIsFoundOut(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.mu.Lock()
		h.watched = func(uid string) bool { return uid == "watched" }
		h.mu.Unlock()
		h.offer(offerOf("o1", agent1, unreserved(one)), offerOf("o2", agent2, unreserved(one)))
		h.bound(1, "p1", one)
		h.operator.lists(agentOf(agent1, reservedFor("p1", one)), agentOf(agent2))
		time.Sleep(testOptions.OrphanGrace + 2*testOptions.AuditInterval)
		before := h.pods.questions()
		time.Sleep(5 * testOptions.AuditInterval)
		if asked := h.pods.questions() - before; asked > 6 {
			t.Errorf("asked %d times in five intervals for one pod that lives", asked)
		}
		h.wantState("p1", agent1, Bound)
		h.pods.set("p1", Liveness{}) // it ended
		time.Sleep(2*testOptions.AuditInterval + testOptions.OrphanGrace)
		h.released(2, "p1", agent1, one)
	})
}
