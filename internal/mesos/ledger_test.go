package mesos

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// The guard's memory of offers is as small as the number outstanding.
func TestLedgerHoldsWhatIsOutstanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t}
		net.serve(t, "m1:5050", master)
		c := newTestClient(t, testConfig("m1:5050"), &net)
		start(t, c, "", &diary{})
		synctest.Wait()
		master.send(1, offersEvent("S0", "O0", "S1", "O1", "S2", "O2", "S3", "O3"), &scheduler.Event{
			Type: scheduler.Event_RESCIND, Rescind: &scheduler.Event_Rescind{OfferID: mesos.OfferID{Value: "O0"}},
		})
		synctest.Wait()
		if err := errors.Join(c.Accept(t.Context(), reserveOne(1, "O1", "op")), c.Decline(t.Context(), 1, []string{"O2"}, 0)); err != nil {
			t.Error(err)
		}
		want := map[string]allocation{"O3": {"S3", "k8s"}}
		if diff := cmp.Diff(want, c.current.offers.offers, cmp.AllowUnexported(allocation{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
