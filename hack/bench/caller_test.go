package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Both callers send the same requests, each over one connection.
func TestCallers(t *testing.T) {
	type request struct{ from, text string }
	requests := make(chan request, 6)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- request{r.RemoteAddr, strings.Join([]string{r.Method, r.RequestURI, r.Host, r.UserAgent(),
			r.Header.Get("Content-Type"), r.Header.Get("Accept-Encoding"), string(body)}, " ")}
		if _, err := w.Write(bytes.ToUpper(body)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	direct := wires{}
	defer direct.close()
	texts, connections := map[string]bool{}, map[string]bool{}
	for name, post := range map[string]caller{"wires": direct.post, "client": viaClient()} {
		for range 3 {
			var out bytes.Buffer
			seconds, err := post(t.Context(), server.URL+"/filter", []byte("pod"), &out)
			if err != nil || seconds <= 0 || out.String() != "POD" {
				t.Fatalf("%s: answered %q after %v s, %v", name, &out, seconds, err)
			}
			sent := <-requests
			texts[sent.text], connections[sent.from] = true, true
		}
	}
	if len(texts) != 1 || len(connections) != 2 {
		t.Errorf("sent %v over %d connections, want one text over 2", texts, len(connections))
	}
}

func TestCallersTellFailures(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	direct := wires{}
	defer direct.close()
	for name, post := range map[string]caller{"wires": direct.post, "client": viaClient()} {
		if _, err := post(t.Context(), server.URL+"/filter", nil, io.Discard); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s: a failure is told as %v", name, err)
		}
	}
}
