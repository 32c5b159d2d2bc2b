package mesos

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func appendUvarint(to []byte, v uint64) []byte { return binary.AppendUvarint(to, v) }

// mutate changes, drops or doubles some bytes.
func mutate(dice *rand.Rand, data []byte) []byte {
	out := bytes.Clone(data)
	for range 1 + dice.IntN(3) {
		if len(out) == 0 {
			return out
		}
		at := dice.IntN(len(out))
		switch dice.IntN(4) {
		case 0:
			out[at] = byte(dice.IntN(256))
		case 1:
			out[at] ^= 1 << dice.IntN(8)
		case 2:
			out = append(out[:at:at], out[min(at+1+dice.IntN(4), len(out)):]...)
		case 3:
			out = append(out[:at:at], append([]byte{byte(dice.IntN(100))}, out[at:]...)...)
		}
	}
	return out
}

// TestDirectDecodersAgainstMutations is what the fuzz targets do, on fixed dice:
// the coverage of mesos-go's generated code makes fuzzing it slow.
func TestDirectDecodersAgainstMutations(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	var seeds [][]byte
	for _, event := range recordedOffers(t) {
		for i := range event.Offers.Offers {
			seeds = append(seeds, encoded(t, &event.Offers.Offers[i]))
		}
	}
	agents := encoded(t, listOf(2))
	decoded, direct := 0, 0
	for range 20_000 {
		data := mutate(dice, seeds[dice.IntN(len(seeds))])
		want, wantErr := generated(data)
		got, err := newOfferDecoder().decode(data)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%x: want error %v, got %v", data, wantErr, err)
		}
		if !equalOffers(want, got) {
			t.Fatalf("%x (-want +got):\n%s", data, cmp.Diff(want, got, compareOffers))
		}
		if wantErr == nil {
			decoded++
			if _, err := newOfferDecoder().direct(data); err == nil {
				direct++
			}
		}
		sameAgents(t, mutate(dice, agents))
	}
	if decoded < 1000 || direct < 1000 {
		t.Errorf("only %d of the mutations decode, %d of them directly", decoded, direct)
	}
}

func equalOffers(a, b *resources.Offer) bool {
	return (a == nil) == (b == nil) && (a == nil || cmp.Equal(a, b, compareOffers))
}
