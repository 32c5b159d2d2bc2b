package bind

import (
	"testing"
	"time"
)

// own returns the count and the sum of the metric of the extender's own share.
func (d *desk) own(t *testing.T) (count uint64, sum time.Duration) {
	t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "mesos_extender_bind_own_seconds" {
			h := family.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), time.Duration(h.GetSampleSum() * float64(time.Second)).Round(time.Microsecond)
		}
	}
	t.Fatal("no such metric")
	return 0, 0
}

// Of a bind that takes 100 ms, 60 are Mesos' and 30 the kube-apiserver's.
func TestOwnShareIsWithoutWaitingForOthers(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold, d.reserver.waited = make(chan struct{}), 60*time.Millisecond
		d.bindings.delay = 30 * time.Millisecond
		result := d.start(t.Context(), target)
		time.Sleep(70 * time.Millisecond)
		close(d.reserver.hold)
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		if count, own := d.own(t); count != 1 || own != 10*time.Millisecond {
			t.Errorf("own share of %d binds is %s, want 10ms of one", count, own)
		}
	})
}

func TestOwnShareIsOfBindsThatEndedWell(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.err = errDown
		if err := d.Bind(t.Context(), target); err == nil {
			t.Fatal("bound without a reservation")
		}
		if count, _ := d.own(t); count != 0 {
			t.Errorf("own share of %d binds, want none", count)
		}
	})
}
