package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
)

// usualHead is what kube-scheduler sends before a body of that length.
func usualHead(verb string, length int) string {
	return fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: 127.0.0.1:8900\r\nUser-Agent: Go-http-client/1.1\r\n"+
		"Content-Length: %d\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n", verb, length)
}

// talk sends a text over a new connection and returns the answers to so many
// requests, each as status and body in one line.
func talk(t *testing.T, address, text string, answers int) []string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	var got []string
	for range answers {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return append(got, "no answer")
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(string(body))))
	}
	return got
}

func TestUsualHeadsAreReadAsByNetHTTP(t *testing.T) {
	verbs := newFace(&world{}).verbs
	for _, head := range []string{
		usualHead("filter", 12), usualHead("bind", 0),
		"POST /preempt HTTP/1.1\r\nContent-Length: 7\r\nHost: a\r\nX-Request-Id: r 1\r\n\r\n",
	} {
		if !requireSame(t, []byte(head), verbs) {
			t.Errorf("%q is not as usual", head)
		}
	}
}

// kube-scheduler calls with Go's client and one header of its own
// (pkg/scheduler/extender.go).
func TestSchedulersCallsAreUsual(t *testing.T) {
	request, err := http.NewRequest(http.MethodPost, "http://kube-mesos-extender.kube-system.svc:8900/bind", strings.NewReader(bindJSON))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	sent, err := httputil.DumpRequestOut(request, true)
	if err != nil {
		t.Fatal(err)
	}
	h, usual := readHead(sent, newFace(&world{}).verbs)
	if !usual || h.verb.name != "bind" || h.length != len(bindJSON) || string(sent[h.size:]) != bindJSON {
		t.Errorf("read %+v, usual %t, of\n%s", h, usual, sent)
	}
}

// requireSame reports whether a head is as usual, and if so requires that
// net/http reads the same.
func requireSame(t *testing.T, data []byte, verbs []*route) bool {
	t.Helper()
	h, usual := readHead(data, verbs)
	if !usual {
		return false
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", data, err)
	}
	if request.Method != http.MethodPost || request.URL.Path != "/"+h.verb.name || request.ContentLength != int64(h.length) ||
		request.Header.Get(requestIDHeader) != h.id || request.Close || len(request.TransferEncoding) > 0 || request.Host == "" {
		t.Fatalf("of %q net/http reads %+v, not %+v", data, request, h)
	}
	return true
}

func FuzzHead(f *testing.F) {
	f.Add([]byte(usualHead("filter", 13295)))
	f.Add([]byte("POST /bind HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nX-Request-Id: 7\r\nAccept: */*\r\n\r\n{"))
	f.Add([]byte("POST /bind HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	verbs := newFace(&world{}).verbs
	f.Fuzz(func(t *testing.T, data []byte) { requireSame(t, data, verbs) })
}

// What is not as usual is left to net/http, and so is what follows it.
func TestUnusualRequestsAreLeftToNetHTTP(t *testing.T) {
	bound := fmt.Sprint("200 ", `{"Error":""}`)
	length := len(bindJSON)
	usual := usualHead("bind", length) + bindJSON
	head := func(more string) string {
		return fmt.Sprintf("POST /bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n", length, more) + bindJSON
	}
	address, stop := serving(t, newFace(&world{}, func(o *Options) { o.ShutdownTimeout = time.Minute }))
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"usual":            {usual, []string{bound}},
		"two at once":      {usual + usual, []string{bound, bound}},
		"health between":   {usual + "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" + usual, []string{bound, "200 ok", bound}},
		"another header":   {head("X-Forwarded-For: b\r\n") + usual, []string{bound, bound}},
		"lower case":       {head("accept: */*\r\n"), []string{bound}},
		"HTTP/1.0":         {strings.Replace(usual, "HTTP/1.1", "HTTP/1.0", 1), []string{bound, "no answer"}},
		"close":            {head("Connection: close\r\n") + usual, []string{bound, "no answer"}},
		"chunks":           {"POST /bind HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", length, bindJSON), []string{bound}},
		"no host":          {strings.Replace(usual, "Host: 127.0.0.1:8900\r\n", "", 1), []string{"400 400 Bad Request: missing required Host header"}},
		"two lengths":      {head(fmt.Sprintf("Content-Length: %d\r\n", length+1)), []string{"400 400 Bad Request"}},
		"no length":        {"POST /bind HTTP/1.1\r\nHost: a\r\n\r\n", []string{"400 the body is empty"}},
		"unknown verb":     {usualHead("evict", 0), []string{"404 404 page not found"}},
		"not HTTP":         {"\x16\x03\x01 hello\r\n\r\n", []string{"400 400 Bad Request"}},
		"too large":        {usualHead("bind", 2<<20), []string{"413 the body is larger than server.maxBodyBytes, 1048576"}},
		"a head too large": {head("X-Long: " + strings.Repeat("x", maxHead) + "\r\n"), []string{bound}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := talk(t, address, tt.text, len(tt.want)); strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("answered\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A call may come in pieces of any size.
func TestCallsInPieces(t *testing.T) {
	address, stop := serving(t, newFace(&world{}, func(o *Options) { o.ShutdownTimeout = time.Minute }))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	text := usualHead("bind", len(bindJSON)) + bindJSON
	for from := 0; from < len(text); from += 7 {
		if _, err := io.WriteString(conn, text[from:min(from+7, len(text))]); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 200 || response.Header.Get("Date") == "" ||
		response.Header.Get(requestIDHeader) == "" || string(body) != `{"Error":""}` {
		t.Errorf("answered %v %s", response, body)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Idle connections do not hold up the end of the server, whoever has them.
func TestIdleConnectionsEndWithTheServer(t *testing.T) {
	address, stop := serving(t, newFace(&world{}, func(o *Options) { o.ShutdownTimeout = time.Minute }))
	var conns []net.Conn
	for _, first := range []string{"", usualHead("bind", len(bindJSON)) + bindJSON, "POST /bi", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if _, err := io.WriteString(conn, first); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(first, "\n") || strings.HasSuffix(first, "}") {
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for i, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

// A standby's answer ends the connection, and a body that does not come as well.
func TestAnswersThatEndTheConnection(t *testing.T) {
	w := &world{standby: true}
	address, stop := serving(t, newFace(w, func(o *Options) { o.ShutdownTimeout = time.Minute }))
	usual := usualHead("bind", len(bindJSON)) + bindJSON
	if got := talk(t, address, usual+usual, 2); got[0] != "503 this replica does not lead" || got[1] != "no answer" {
		t.Errorf("a standby answered %q", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A caller that hangs up during a bind costs nothing but its connection.
func TestHangUpDuringACall(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	w := &world{binder: func(ctx context.Context, _ bind.Target) error {
		close(entered)
		<-release
		return ctx.Err()
	}}
	address, stop := serving(t, newFace(w, func(o *Options) { o.ShutdownTimeout = time.Minute }))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, usualHead("bind", len(bindJSON))+bindJSON); err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Nothing but its own call suffers from a panic after the answer, either.
func TestPanicAfterTheAnswerOnALane(t *testing.T) {
	f := newFace(&world{}, func(o *Options) { o.ShutdownTimeout = time.Minute })
	f.verbs[2].answer = func(c *call) (any, error) {
		c.later = func() { panic("fault") }
		return struct{}{}, nil
	}
	address, stop := serving(t, f)
	usual := usualHead("bind", 2) + "{}"
	if got := talk(t, address, usual+usual, 2); got[0] != "200 {}" || got[1] != "200 {}" {
		t.Errorf("answered %q", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(f.metrics.panics); n != 2 {
		t.Errorf("%v panics are counted, want 2", n)
	}
}
