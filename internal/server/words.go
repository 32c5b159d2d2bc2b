package server

import "encoding/binary"

// Text is looked at eight bytes at a time, by the formulas of "Bit Twiddling
// Hacks" for a byte below n and for a byte that is zero. Above a byte that is
// found they may find others that are none.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// zeros has the high bit of the lowest byte that is zero.
func zeros(word uint64) uint64 { return (word - ones) &^ word & highs }

// special is not 0 if a byte is none of ASCII, or a control character or a
// backslash.
func special(word uint64) uint64 {
	return (word|(word-' '*ones)&^word)&highs | zeros(word^'\\'*ones)
}

// simple reports whether text is ASCII without control characters and
// backslashes: what is between the quotes of JSON is then what it says.
func simple(text []byte) bool {
	found := uint64(0)
	for ; len(text) >= 32; text = text[32:] {
		found |= special(binary.LittleEndian.Uint64(text)) | special(binary.LittleEndian.Uint64(text[8:])) |
			special(binary.LittleEndian.Uint64(text[16:])) | special(binary.LittleEndian.Uint64(text[24:]))
	}
	for ; len(text) >= 8; text = text[8:] {
		found |= special(binary.LittleEndian.Uint64(text))
	}
	last := [8]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}
	copy(last[:], text)
	return found|special(binary.LittleEndian.Uint64(last[:])) == 0
}
