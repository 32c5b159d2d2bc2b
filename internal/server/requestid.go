package server

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 64 // bytes of a caller's own ID
)

// requestIDs numbers the requests of this process.
type requestIDs struct {
	prefix string // tells processes apart
	last   atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var seed [4]byte
	_, _ = rand.Read(seed[:]) // never fails
	return &requestIDs{prefix: hex.EncodeToString(seed[:]) + "-"}
}

// of returns the ID that the caller sent, if it can stand in a log, or a new
// one. kube-scheduler sends none; a proxy or a human may.
func (ids *requestIDs) of(sent string) string {
	printable := func(c rune) bool { return c > ' ' && c < 0x7f }
	if sent != "" && len(sent) <= maxRequestID && strings.IndexFunc(sent, func(c rune) bool { return !printable(c) }) < 0 {
		return sent
	}
	return ids.prefix + strconv.FormatUint(ids.last.Add(1), 10)
}
