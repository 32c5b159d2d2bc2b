package mesos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// manyOffers repeats a recorded offer under IDs of its own.
func manyOffers(tb testing.TB, n int) *scheduler.Event_Offers {
	tb.Helper()
	pattern := recordedOffers(tb)[0].Offers.Offers[0]
	list := &scheduler.Event_Offers{Offers: make([]mesos.Offer, n)}
	for i := range list.Offers {
		offer := pattern
		offer.ID.Value = fmt.Sprintf("6f3b2f6e-9d54-4c8e-8e0a-3f1d2b7c9a10-O%d", i)
		offer.AgentID.Value = fmt.Sprintf("6f3b2f6e-9d54-4c8e-8e0a-3f1d2b7c9a10-S%d", i)
		offer.Hostname = fmt.Sprintf("node-%d.example.com", i)
		list.Offers[i] = offer
	}
	return list
}

func TestBulkKeepsOrder(t *testing.T) {
	list := manyOffers(t, 5000)
	got, err := bulkOf(t, encoded(t, list))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]*resources.Offer, len(list.Offers))
	for i := range list.Offers {
		want[i] = decodeOffer(&list.Offers[i])
	}
	if diff := cmp.Diff(want, got, compareOffers); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
}

func TestBulkFailsWithTheStream(t *testing.T) {
	data := encoded(t, manyOffers(t, 2000))
	if _, err := bulkOf(t, data[:len(data)-3]); !errors.Is(err, errField) {
		t.Errorf("a message that ends within an offer: got %v", err)
	}
	broken := bytes.Clone(data)
	broken[len(broken)/2] ^= 0xff
	if _, err := bulkOf(t, broken); err == nil {
		if _, err := generated(broken); err == nil {
			t.Error("want an error")
		}
	}
}

// Records of any size go through the same door.
func TestFollowTakesLargeEvents(t *testing.T) {
	for _, n := range []int{1, 100, 5000} {
		list := manyOffers(t, n)
		event := &scheduler.Event{Type: scheduler.Event_OFFERS, Offers: list}
		data := encoded(t, event)
		stream := fmt.Appendf(nil, "%d\n", len(data))
		stream = append(append(stream, data...), []byte("2\n\x08\x08")...) // and a heartbeat
		got, err := followOf(t, stream)
		if !errors.Is(err, errStreamEnded) || len(got) != n {
			t.Errorf("%d offers of %d bytes: got %d and %v", n, len(data), len(got), err)
		}
		if _, err := followOf(t, stream[:len(data)/2]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d offers that do not arrive: %v", n, err)
		}
	}
}
