package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// callTimeout bounds a call.
const callTimeout = time.Minute

// caller posts a body, writes the answer to out and returns how long it took from
// the first byte sent to the last one read.
type caller func(ctx context.Context, url string, body []byte, out io.Writer) (seconds float64, err error)

// wires are connections, one to each server, over which a call costs the caller as
// little as it can: a write and a read. What a call takes is then the server's
// time and the system's.
type wires map[string]*wire

type wire struct {
	net.Conn
	answers *bufio.Reader
}

// post is a caller.
func (ws wires) post(ctx context.Context, to string, body []byte, out io.Writer) (float64, error) {
	target, err := url.Parse(to)
	if err != nil {
		return 0, err
	}
	w, err := ws.to(ctx, target.Host)
	if err != nil {
		return 0, err
	}
	seconds, err := w.post(target, body, out)
	if err != nil {
		delete(ws, target.Host) // something of the answer may be left in it
		return 0, errors.Join(fmt.Errorf("%s: %w", to, err), w.Close())
	}
	return seconds, nil
}

// to returns the wire to a host.
func (ws wires) to(ctx context.Context, host string) (*wire, error) {
	if w := ws[host]; w != nil {
		return w, nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	ws[host] = &wire{conn, bufio.NewReaderSize(conn, 64<<10)}
	return ws[host], nil
}

func (ws wires) close() {
	for _, w := range ws {
		_ = w.Close() // all is read
	}
}

// post sends the head that kube-scheduler's client would send.
func (w *wire) post(target *url.URL, body []byte, out io.Writer) (float64, error) {
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\n"+
		"Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n", target.RequestURI(), target.Host, len(body))
	if err := w.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, err
	}
	parts := net.Buffers{head, body}
	began := time.Now()
	if _, err := parts.WriteTo(w.Conn); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(w.answers, nil)
	if err != nil {
		return 0, err
	}
	return finish(response, out, began)
}

// viaClient returns a caller that posts with Go's http.Client, as kube-scheduler
// does. It hands each call to two goroutines, and so takes part of the time.
func viaClient() caller {
	client := &http.Client{Timeout: callTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	return func(ctx context.Context, to string, body []byte, out io.Writer) (float64, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		request.Header.Set("Content-Type", "application/json")
		began := time.Now()
		response, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		return finish(response, out, began)
	}
}

// finish reads an answer.
func finish(response *http.Response, out io.Writer, began time.Time) (seconds float64, err error) {
	_, err = io.Copy(out, response.Body)
	seconds = time.Since(began).Seconds()
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, errors.New(response.Status)
	}
	return seconds, nil
}
