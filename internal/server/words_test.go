package server

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// What is looked at word by word is what is looked at byte by byte.
func TestWords(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("aZ0 ~!#[]\x1f\x00\n\\\"\x7f\x80\xff")
	whole := 0
	for range 200_000 {
		text := bytes.Repeat([]byte("n"), dice.IntN(80))
		for range dice.IntN(3) {
			if len(text) > 0 {
				text[dice.IntN(len(text))] = alphabet[dice.IntN(len(alphabet))]
			}
		}
		want := slices.IndexFunc(text, func(b byte) bool { return b < ' ' || b >= 0x80 || b == '\\' || b == '"' })
		if want < 0 {
			want = len(text)
			whole++
		}
		if got := ordinary(text); got != want {
			t.Fatalf("ordinary(%q) is %d, want %d", text, got, want)
		}
	}
	if whole < 1000 || whole > 199_000 {
		t.Errorf("%d texts are ordinary to the end: they prove nothing", whole)
	}
}
