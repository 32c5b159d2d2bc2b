package mesos

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxErrorBody is how much of an error response's text is kept, in bytes.
const maxErrorBody = 4 << 10

// StatusError is a response other than 2xx, with the text the master sent.
type StatusError struct {
	Code    int // HTTP status
	Message string
}

// Error renders status and text.
func (e *StatusError) Error() string {
	return fmt.Sprintf("master answered %d %s: %s", e.Code, http.StatusText(e.Code), e.Message)
}

func statusError(resp *http.Response) *StatusError {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil && len(text) == 0 {
		text = []byte("(no text)")
	}
	return &StatusError{Code: resp.StatusCode, Message: strings.TrimSpace(string(text))}
}

// Causes of a disconnection that the network did not report by itself.
var (
	errWatchdog      = errors.New("heartbeats missed")
	errStreamEnded   = errors.New("master closed the event stream")
	errNotSubscribed = errors.New("master says that the framework is not subscribed")
	errNoStreamID    = errors.New("subscription without a Mesos-Stream-Id")
)

// callError maps the answers that mean "you are not subscribed (any more)" to
// ErrDisconnected. The texts are the master's own (src/master/http.cpp).
func callError(err error) error {
	var status *StatusError
	if !errors.As(err, &status) {
		return err
	}
	gone := status.Code == http.StatusForbidden && strings.Contains(status.Message, "not subscribed") ||
		status.Code == http.StatusBadRequest && (strings.Contains(status.Message, "stream ID") ||
			strings.Contains(status.Message, "Framework cannot be found"))
	if !gone {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// subscribeError makes ErrRefused of the answers to SUBSCRIBE that no retry
// will change: malformed, unauthenticated, forbidden, wrong media type. A 404
// is not among them; a starting master gives it before its routes exist.
func subscribeError(err error) error {
	var status *StatusError
	if !errors.As(err, &status) {
		return err
	}
	switch status.Code {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// errorEvent is what an ERROR event means for Run. The first two texts decide
// whether a stored framework ID lives on; they are matched exactly as the
// master writes them (src/master/master.cpp) and never by a looser pattern.
func errorEvent(message string) error {
	switch strings.TrimSuffix(message, ".") {
	case "Framework failed over":
		return ErrFailedOver
	case "Framework has been removed":
		return ErrRemoved
	}
	return fmt.Errorf("%w: %s", ErrRefused, message)
}

// final reports whether retrying after err is pointless or harmful.
func final(err error) bool {
	return errors.Is(err, ErrFailedOver) || errors.Is(err, ErrRemoved) || errors.Is(err, ErrRefused)
}
