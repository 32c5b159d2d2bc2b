package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheckFiles(t *testing.T) {
	folder := t.TempDir()
	noise := filepath.Join(folder, "noise.pem")
	if err := os.WriteFile(noise, []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(folder, "missing")
	gone := `"` + missing + `": open ` + missing + `: no such file or directory`
	none := `"` + noise + `": holds no PEM certificate`
	tests := map[string]struct {
		change func(*Config)
		want   []string
	}{
		"credentials": {func(c *Config) { c.Mesos.CredentialsFile = missing }, []string{"mesos.credentialsFile: Invalid value: " + gone}},
		"masters' CA": {func(c *Config) { c.Mesos.TLS.CAFile = noise }, []string{"mesos.tls.caFile: Invalid value: " + none}},
		"all of the server's": {
			func(c *Config) {
				c.Server.TLS = ServerTLS{CertFile: missing, KeyFile: missing, ClientCAFile: noise}
			},
			[]string{
				"server.tls.certFile: Invalid value: " + gone, "server.tls.keyFile: Invalid value: " + gone,
				"server.tls.clientCAFile: Invalid value: " + none,
			},
		},
		"a key pair that is none": {
			func(c *Config) { c.Server.TLS = ServerTLS{CertFile: noise, KeyFile: noise} },
			[]string{`server.tls.certFile: Invalid value: "` + noise + `": cannot be used with server.tls.keyFile, ` + noise +
				": tls: failed to find any PEM data in certificate input"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := Default()
			if err := cfg.CheckFiles("test.yaml"); err != nil {
				t.Fatalf("no file is named, yet: %v", err)
			}
			tt.change(cfg)
			expectProblems(t, cfg.CheckFiles("test.yaml"), tt.want)
		})
	}
}
