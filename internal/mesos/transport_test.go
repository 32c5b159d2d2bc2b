package mesos

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"
)

// These go over real sockets: what the in-memory network stands in for.

func subscribesTo(t *testing.T, cfg Config) error {
	t.Helper()
	c, err := New(cfg, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.open(t.Context(), "")
	if err == nil {
		discardStream(stream.body)
	}
	return err
}

// Defect G9 of the library, an IPv4 wildcard as local address, does not keep
// today's Go from dialing IPv6; this holds whoever is right.
func TestMasterOnIPv6(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: &fakeMaster{t: t}, ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(server.CloseClientConnections)
	if err := subscribesTo(t, testConfig(l.Addr().String())); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(&fakeMaster{t: t})
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the refused handshake
	server.StartTLS()
	t.Cleanup(server.CloseClientConnections)
	cfg := testConfig("x")
	cfg.Masters = []string{server.URL}
	if err := subscribesTo(t, cfg); err == nil {
		t.Error("a certificate of an unknown authority is accepted")
	}
	authorities := x509.NewCertPool()
	authorities.AddCert(server.Certificate())
	cfg.TLS = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	if err := subscribesTo(t, cfg); err != nil {
		t.Error(err)
	}
}

// A master may answer a protobuf call with a JSON stream.
func TestStreamInTheOtherCodec(t *testing.T) {
	for _, tt := range []struct {
		media, streamID string
		ok              bool
	}{
		{"application/json", "s", true}, {"application/json; charset=utf-8", "s", true},
		{"application/x-protobuf", "s", true}, {"text/html", "s", false}, {"", "s", false}, {"application/json", "", false},
	} {
		server := httptest.NewServer(&fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, _ *scheduler.Call) bool {
			w.Header()["Content-Type"] = []string{tt.media}
			if tt.streamID != "" {
				w.Header().Set(headerStreamID, tt.streamID)
			}
			return true
		}})
		cfg := testConfig("x")
		cfg.Masters = []string{server.URL}
		if err := subscribesTo(t, cfg); (err == nil) != tt.ok {
			t.Errorf("content type %q, stream ID %q: %v", tt.media, tt.streamID, err)
		}
		server.Close()
	}
}
