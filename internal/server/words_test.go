package server

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// What is looked at word by word is what is looked at byte by byte.
func TestWords(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("aZ0 ~!#[]\x1f\x00\n\\\"\x7f\x80\xff")
	simples := 0
	for range 200_000 {
		text := bytes.Repeat([]byte("n"), dice.IntN(80))
		for range dice.IntN(3) {
			if len(text) > 0 {
				text[dice.IntN(len(text))] = alphabet[dice.IntN(len(alphabet))]
			}
		}
		want := !bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x80 || r == '\\' })
		if got := simple(text); got != want {
			t.Fatalf("simple(%q) is %t", text, got)
		}
		if want {
			simples++
		}
	}
	if simples < 1000 || simples > 199_000 {
		t.Errorf("%d texts are simple: they prove nothing", simples)
	}
}
