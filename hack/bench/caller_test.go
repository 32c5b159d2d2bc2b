package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Both callers send the same request, keep their connection, and tell a failure.
func TestCallers(t *testing.T) {
	var requests []string
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		connections[r.RemoteAddr] = true
		requests = append(requests, strings.Join([]string{r.Method, r.RequestURI, r.Host, r.UserAgent(),
			r.Header.Get("Content-Type"), r.Header.Get("Accept-Encoding"), string(body)}, " "))
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusTeapot)
		}
		if _, err := w.Write(bytes.ToUpper(body)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	direct := wires{}
	defer direct.close()
	for name, post := range map[string]caller{"wires": direct.post, "client": viaClient()} {
		for range 3 {
			var out bytes.Buffer
			seconds, err := post(t.Context(), server.URL+"/filter", []byte("pod"), &out)
			if err != nil || seconds <= 0 || out.String() != "POD" {
				t.Errorf("%s: answered %q after %v s, %v", name, &out, seconds, err)
			}
		}
	}
	for _, request := range requests {
		if request != requests[0] {
			t.Errorf("one sends %q, the other %q", requests[0], request)
		}
	}
	if len(requests) != 6 || len(connections) != 2 {
		t.Errorf("%d requests over %d connections, want 6 over 2", len(requests), len(connections))
	}
	for name, post := range map[string]caller{"wires": direct.post, "client": viaClient()} {
		if _, err := post(t.Context(), server.URL+"/broken", nil, io.Discard); err == nil || !strings.Contains(err.Error(), "teapot") {
			t.Errorf("%s: a failure is told as %v", name, err)
		}
	}
}
