package server

import (
	"encoding/binary"
	"math/bits"
)

// Text is looked at eight bytes at a time, by the formulas of "Bit Twiddling
// Hacks" for a byte below n and for a byte that is zero. Above a byte that is
// found they may find others that are none.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// zeros has the high bit of the lowest byte that is zero.
func zeros(word uint64) uint64 { return (word - ones) &^ word & highs }

// special has the high bit of the lowest byte that is none of ASCII, a control
// character, a backslash or a quote.
func special(word uint64) uint64 {
	return (word|(word-' '*ones)&^word)&highs | zeros(word^'\\'*ones) | zeros(word^'"'*ones)
}

// ordinary returns how many bytes text begins with that are ASCII without control
// characters, backslashes and quotes. Up to a quote, that is what a string of
// JSON says.
func ordinary(text []byte) int {
	at := 0
	for ; at+8 <= len(text); at += 8 {
		if found := special(binary.LittleEndian.Uint64(text[at:])); found != 0 {
			return at + bits.TrailingZeros64(found)/8
		}
	}
	for ; at < len(text); at++ {
		if b := text[at]; b < ' ' || b >= 0x80 || b == '\\' || b == '"' {
			break
		}
	}
	return at
}
