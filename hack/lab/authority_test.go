package lab

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestAuthority runs mutual TLS with what an authority issues.
func TestAuthority(t *testing.T) {
	ours, theirs := newTestAuthority(t), newTestAuthority(t)
	tests := []struct {
		name       string
		trusts     *Authority // what the client trusts
		client     *Authority // who issued the client's certificate; nil for none
		serverName string
		wantUser   string // empty when the handshake must fail
	}{
		{name: "trusted both ways", trusts: ours, client: ours, serverName: loopback, wantUser: "scheduler"},
		{name: "by DNS name", trusts: ours, client: ours, serverName: "extender.test", wantUser: "scheduler"},
		{name: "name not in the certificate", trusts: ours, client: ours, serverName: "other.test"},
		{name: "client without a certificate", trusts: ours, serverName: loopback},
		{name: "client of another authority", trusts: ours, client: theirs, serverName: loopback},
		{name: "client trusts another authority", trusts: theirs, client: ours, serverName: loopback},
	}
	server := startTLSServer(t, ours)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := &tls.Config{RootCAs: pool(test.trusts), ServerName: test.serverName, MinVersion: tls.VersionTLS12}
			if test.client != nil {
				pair, err := test.client.IssueClient("scheduler")
				config.Certificates = []tls.Certificate{keyPair(t, pair, err)}
			}
			client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			response, err := client.Get(server.URL)
			if err != nil {
				if test.wantUser != "" {
					t.Error(err)
				}
				return
			}
			defer response.Body.Close() //nolint:errcheck // read below
			user, err := io.ReadAll(response.Body)
			if err != nil || string(user) != test.wantUser {
				t.Errorf("got in as %q (%v), want %q", user, err, test.wantUser)
			}
		})
	}
}

// startTLSServer serves the name on the client's certificate.
func startTLSServer(t *testing.T, authority *Authority) *httptest.Server {
	t.Helper()
	pair, err := authority.IssueServer("extender", loopback, "extender.test")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{keyPair(t, pair, err)},
		ClientCAs:    pool(authority), ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func newTestAuthority(t *testing.T) *Authority {
	t.Helper()
	authority, err := NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func pool(authority *Authority) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.CertificatePEM())
	return roots
}

func keyPair(t *testing.T, pair KeyPair, err error) tls.Certificate {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
