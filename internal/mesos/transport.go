package mesos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
)

const (
	schedulerPath = "/api/v1/scheduler"
	operatorPath  = "/api/v1"

	headerStreamID = "Mesos-Stream-Id"
	maxRedirects   = 5
	// idleConnections to the leader that are kept for calls.
	idleConnections = 32
	dialTimeout     = 5 * time.Second
)

// dialer opens connections; tests put an in-memory network in its place.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// newDoer builds the HTTP round trip from the library's options.
func newDoer(cfg Config, dial dialer) httpcli.DoFunc {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	options := []httpcli.ConfigOpt{
		httpcli.Timeout(cfg.CallTimeout),
		httpcli.Transport(func(t *http.Transport) {
			// The library's dialer knows no context, and binds to 0.0.0.0.
			t.Dial = nil //nolint:staticcheck // set by the library, has to be cleared
			t.DialContext = dial
			t.MaxIdleConnsPerHost = idleConnections
			t.IdleConnTimeout = 60 * time.Second
			t.DisableCompression = true
		}),
	}
	if cfg.TLS != nil {
		options = append(options, httpcli.TLSConfig(cfg.TLS.Clone()))
	}
	if cfg.Credentials != nil {
		options = append(options, httpcli.BasicAuth(cfg.Credentials.Principal, cfg.Credentials.Secret))
	}
	return httpcli.With(options...)
}

// request is one POST to a master.
type request struct {
	path     string // schedulerPath or operatorPath
	kind     string // call type, for metrics and errors
	streamID string // empty for SUBSCRIBE and operator calls
	media    string // content type of the body and of the answer wanted
	body     []byte
}

// post sends r to base and follows redirects to the leader, whatever the call:
// a master that redirects has not processed it. It returns the base URL that
// answered 2xx; any other answer is a *StatusError.
func (c *Client) post(ctx context.Context, base string, r request) (*http.Response, string, error) {
	started := c.clk.Now()
	for range maxRedirects {
		resp, err := c.roundTrip(ctx, base, r)
		if err != nil {
			c.metrics.call(r.kind, codeNone, c.clk.Since(started))
			return nil, base, fmt.Errorf("%s to %s: %w", r.kind, base, err)
		}
		c.metrics.call(r.kind, fmt.Sprint(resp.StatusCode), c.clk.Since(started))
		if resp.StatusCode/100 == 2 {
			return resp, base, nil
		}
		status := statusError(resp)
		discard(resp.Body)
		if resp.StatusCode != http.StatusTemporaryRedirect {
			return nil, base, fmt.Errorf("%s to %s: %w", r.kind, base, status)
		}
		leader, err := redirected(base, r.path, resp.Header.Get("Location"))
		if err != nil {
			return nil, base, fmt.Errorf("%s to %s: %w", r.kind, base, err)
		}
		c.masters.failed(base)
		base = leader
	}
	return nil, base, fmt.Errorf("%s: more than %d redirects", r.kind, maxRedirects)
}

func (c *Client) roundTrip(ctx context.Context, base string, r request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", r.media)
	req.Header.Set("Accept", r.media)
	if r.streamID != "" {
		req.Header.Set(headerStreamID, r.streamID)
	}
	return c.do(req)
}

// discard reads what is left of a short body, so that its connection is used
// again, and closes it.
func discard(body io.ReadCloser) {
	_, readErr := io.Copy(io.Discard, io.LimitReader(body, maxErrorBody))
	if err := errors.Join(readErr, body.Close()); err != nil {
		return // the answer is known; only the connection is lost
	}
}
