package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// serving starts the face on loopback and returns its address, a function that
// ends it and returns Serve's error.
func serving(t *testing.T, f face) (address string, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx, listener) }()
	return listener.Addr().String(), func() error {
		cancel()
		return <-served
	}
}

func TestRequestsInFlightFinish(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	w := &world{binder: func(ctx context.Context, _ bind.Target) error {
		close(entered)
		<-release
		return ctx.Err() // the end of the server does not cancel a bind
	}}
	f := newFace(w, func(o *Options) { o.ShutdownTimeout = time.Minute })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx, listener) }()
	bound := make(chan string, 1)
	go func() { bound <- postTo(http.DefaultClient, "http://"+listener.Addr().String()+"/bind", bindJSON) }()
	<-entered
	cancel()
	// The listener is closed while the bind goes on.
	for {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(release)
	if got := <-bound; got != `200 {"Error":""}` {
		t.Errorf("the bind in flight was answered with %s", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestShutdownEndsAfterItsTimeout(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	w := &world{binder: func(context.Context, bind.Target) error {
		close(entered)
		<-release
		return nil
	}}
	f := newFace(w, func(o *Options) { o.ShutdownTimeout = time.Millisecond })
	address, stop := serving(t, f)
	go postTo(http.DefaultClient, "http://"+address+"/bind", bindJSON)
	<-entered
	defer close(release)
	if err := stop(); err == nil || !strings.Contains(err.Error(), "did not finish") {
		t.Errorf("Serve = %v, want it to tell of the request that did not finish", err)
	}
}

// postTo returns status and body in one line.
func postTo(client *http.Client, url, body string) string {
	response, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return response.Status[:3] + " " + strings.TrimSpace(string(text))
}

func TestRunServesProfilesOnTheirOwnAddress(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	debug := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	f := newFace(&world{}, func(o *Options) { o.DebugAddress, o.ShutdownTimeout = debug, time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var response *http.Response
	for response == nil {
		if response, err = http.Get("http://" + debug + "/debug/pprof/cmdline"); err != nil {
			select {
			case err := <-done:
				t.Fatal(err)
			default:
			}
		}
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("pprof answered %s", response.Status)
	}
	if got := f.get("/debug/pprof/").Code; got != http.StatusNotFound {
		t.Errorf("the scheduler's address answers %d for profiles, want 404", got)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestRunTellsOfAnAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, change := range map[string]func(*Options){
		"verbs":    func(o *Options) { o.Address = taken.Addr().String() },
		"profiles": func(o *Options) { o.DebugAddress = taken.Addr().String() },
	} {
		t.Run(name, func(t *testing.T) {
			if err := newFace(&world{}, change).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
				t.Errorf("Run = %v", err)
			}
		})
	}
}

// authority signs certificates for one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.key = key
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue writes a certificate for loopback and returns its files.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", keyDER)
}

// client trusts the authority and shows the given certificate, if any.
func (a *authority) client(cert, key string) *http.Client {
	a.t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AddCert(a.cert)
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			a.t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	a.t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestTLSWithClientCertificates(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	serverCert, serverKey := ca.issue("extender")
	clientCert, clientKey := ca.issue("kube-scheduler")
	strangeCert, strangeKey := stranger.issue("stranger")
	w := &world{view: filter.View{Offers: offers{}}}
	f := newFace(w, func(o *Options) {
		o.TLS = TLS{CertFile: serverCert, KeyFile: serverKey, ClientCAFile: filepath.Join(ca.dir, "ca.pem")}
		o.ShutdownTimeout = time.Minute
	})
	address, stop := serving(t, f)
	base := "https://" + address

	if got := postTo(ca.client(clientCert, clientKey), base+"/bind", bindJSON); got != `200 {"Error":""}` {
		t.Errorf("with a certificate: %s", got)
	}
	if got := postTo(ca.client("", ""), base+"/bind", bindJSON); got != "401 a client certificate is required" {
		t.Errorf("without a certificate: %s", got)
	}
	// The handshake fails; how the client words it depends on when it notices.
	if got := postTo(ca.client(strangeCert, strangeKey), base+"/bind", bindJSON); strings.HasPrefix(got, "200") || strings.HasPrefix(got, "401") {
		t.Errorf("with the certificate of another CA: %s", got)
	}
	response, err := ca.client("", "").Get(base + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Errorf("a probe without a certificate got %s over %s, want 200 over HTTP/2", response.Status, response.Proto)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
	if len(w.bound) != 1 {
		t.Errorf("%d binds came through, want the one with a certificate", len(w.bound))
	}
}

func TestTLSFilesThatCannotBeUsed(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("extender")
	empty := filepath.Join(ca.dir, "empty.pem")
	if err := os.WriteFile(empty, bytes.Repeat([]byte("x"), 10), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]TLS{
		"missing certificate": {CertFile: "missing", KeyFile: key},
		"missing key":         {CertFile: cert, KeyFile: "missing"},
		"missing client CA":   {CertFile: cert, KeyFile: key, ClientCAFile: "missing"},
		"client CA of noise":  {CertFile: cert, KeyFile: key, ClientCAFile: empty},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFace(&world{}, func(o *Options) { o.TLS = files })
			if err := f.Run(t.Context()); err == nil {
				t.Error("Run started")
			}
		})
	}
}
