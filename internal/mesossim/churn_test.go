package mesossim

import (
	"testing"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

func TestChurn(t *testing.T) {
	inCell(t, 50, Options{Churn: 200}, func(c *cell) {
		f := c.subscribe("k", "")
		rescinds, offers := 0, 0
		for range 100 {
			time.Sleep(20 * time.Millisecond)
			for _, event := range f.read() {
				switch event.Type {
				case scheduler.Event_RESCIND:
					rescinds++
				case scheduler.Event_OFFERS:
					offers += len(event.Offers.Offers)
				}
			}
		}
		if rescinds < 390 || rescinds > 410 || offers < 390 || offers > 410 {
			t.Errorf("in 2 s want about 400 offers rescinded and made anew, got %d and %d", rescinds, offers)
		}
		if len(f.offers) != 50 {
			t.Errorf("want every agent on offer, got %d offers", len(f.offers))
		}
		seen := map[string]int{}
		for _, o := range f.offers {
			seen[o.AgentID.Value]++
		}
		if len(seen) != 50 {
			t.Errorf("want one offer of each agent, got %v", seen)
		}
	})
}
