package mesos

import (
	"bufio"
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// recordedOffers are all OFFERS events of a real master, in protobuf.
func recordedOffers(tb testing.TB) []*scheduler.Event {
	tb.Helper()
	var out []*scheduler.Event
	for _, line := range readLines[recordedEvent](tb, "testdata/events.jsonl") {
		event, known, err := decodeEvent(selectCodec(true), line.Event)
		if err != nil {
			tb.Fatal(err)
		}
		if known && event.Type == scheduler.Event_OFFERS {
			out = append(out, event)
		}
	}
	return out
}

func encoded(tb testing.TB, message interface{ Marshal() ([]byte, error) }) []byte {
	tb.Helper()
	data, err := message.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// generated decodes an offer with the library's decoder.
func generated(data []byte) (*resources.Offer, error) {
	var offer mesos.Offer
	if err := offer.Unmarshal(data); err != nil {
		return nil, err
	}
	return decodeOffer(&offer), nil
}

// FuzzOfferDecoder: an offer that is read directly means what the library's
// decoder reads in it, also when the decoder has seen it before.
func FuzzOfferDecoder(f *testing.F) {
	for _, event := range recordedOffers(f) {
		for i := range event.Offers.Offers {
			f.Add(encoded(f, &event.Offers.Offers[i]))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, wantErr := generated(data)
		decoder := newOfferDecoder()
		for range 2 {
			got, err := decoder.decode(data)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("want error %v, got %v", wantErr, err)
			}
			if diff := cmp.Diff(want, got, compareOffers); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		}
	})
}

// FuzzBulk: an OFFERS event that is decoded while it arrives means the same as
// one that is decoded whole.
func FuzzBulk(f *testing.F) {
	for _, event := range recordedOffers(f) {
		f.Add(encoded(f, event.Offers))
	}
	f.Add([]byte{0x10, 0x05, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x82, 0x01, 0x01, 0x00}) // of a newer master
	f.Add([]byte{0xf9, 0xff, 0xff, 0xff, 0xff, 0x10, 1, 2, 3, 4, 5, 6, 7, 8})                         // a field number that there is not
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole scheduler.Event_Offers
		wantErr := whole.Unmarshal(data)
		got, err := bulkOf(t, data)
		if err != nil {
			if wantErr == nil && !errors.Is(err, errField) {
				t.Fatalf("the whole decodes, parts do not: %v", err)
			}
			return
		}
		if wantErr != nil {
			t.Fatalf("parts decode, the whole does not: %v", wantErr)
		}
		var want []*resources.Offer
		for i := range whole.Offers {
			want = append(want, decodeOffer(&whole.Offers[i]))
		}
		if diff := cmp.Diff(want, got, compareOffers); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// taken collects offers.
type taken struct {
	diary
	offers []*resources.Offer
}

func (k *taken) Offers(_ uint64, offers []*resources.Offer) { k.offers = append(k.offers, offers...) }

func bulkOf(tb testing.TB, data []byte) ([]*resources.Offer, error) {
	tb.Helper()
	d, handler := receiver(tb, nil)
	err := d.bulk(bufio.NewReader(bytes.NewReader(data)), int64(len(data)))
	return handler.offers, err
}

// followOf is what a subscription takes in of a stream.
func followOf(tb testing.TB, records []byte) ([]*resources.Offer, error) {
	tb.Helper()
	d, handler := receiver(tb, records)
	err := d.follow()
	return handler.offers, err
}

func receiver(tb testing.TB, records []byte) (*dispatcher, *taken) {
	tb.Helper()
	client, err := New(testConfig("m1:5050"), zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
	if err != nil {
		tb.Fatal(err)
	}
	handler := &taken{}
	return &dispatcher{
		client: client, handler: handler, cancel: func(error) {}, decoder: newOfferDecoder(),
		dog: newWatchdog(clock.RealClock{}, 5), session: &session{generation: 1},
		stream: &stream{body: nopCloser{bytes.NewReader(records)}, codec: selectCodec(false)},
	}, handler
}
