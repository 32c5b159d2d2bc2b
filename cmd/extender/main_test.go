package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A wrong command line or configuration ends with 2, before anything runs.
func TestWrongUsage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	minimal := "apiVersion: kube-mesos-extender.io/v1alpha1\nkind: ExtenderConfiguration\nclusterID: berlin\n"
	plain, caFile := "mesos: {masters: ['http://127.0.0.1:1']}\n", "mesos: {masters: ['https://127.0.0.1:1'], tls: {caFile: /missing}}\n"
	credentials := "mesos: {masters: ['http://127.0.0.1:1'], credentialsFile: /missing}\n"
	server := plain + "server: {tls: {certFile: /missing, keyFile: /missing, clientCAFile: /missing}}\n"
	tests := map[string]struct {
		args   []string
		config string
		says   []string
	}{
		"unknown command":             {[]string{"serve"}, plain, []string{`unknown command "serve"`}},
		"unknown command of config":   {[]string{"config", "bogus"}, plain, []string{`unknown command "bogus" for "extender config"`}},
		"extra argument of print":     {[]string{"config", "print", "x"}, plain, []string{`unknown command "x"`}},
		"extra argument of version":   {[]string{"version", "x"}, plain, []string{`unknown command "x"`}},
		"unknown flag":                {[]string{"--x"}, plain, []string{"unknown flag"}},
		"unknown log level":           {[]string{"--log-level=loud"}, plain, []string{"--log-level"}},
		"daemon without its CA":       {nil, caFile, []string{path + ": mesos.tls.caFile", "open /missing"}},
		"print without the CA":        {[]string{"config", "print"}, caFile, []string{path + ": mesos.tls.caFile"}},
		"daemon without credentials":  {nil, credentials, []string{path + ": mesos.credentialsFile"}},
		"daemon without certificates": {nil, server, []string{"server.tls.certFile", "server.tls.keyFile", "server.tls.clientCAFile"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(minimal+tt.config), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), append(tt.args, "--config", path), &stdout, &stderr); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			for _, text := range tt.says {
				if strings.Count(stderr.String(), text) != 1 {
					t.Errorf("stderr should say %q once: %s", text, stderr.String())
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("printed %q", stdout.String())
			}
		})
	}
}

// What the daemon has logged is not printed again.
func TestAFailedStartIsToldOnce(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.yaml")
	text := "apiVersion: kube-mesos-extender.io/v1alpha1\nkind: ExtenderConfiguration\nclusterID: berlin\n" +
		"mesos: {masters: ['http://127.0.0.1:1']}\nkubernetes: {kubeconfig: " + folder + "/missing}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--config", path}, &stdout, &stderr); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if stdout.Len()+stderr.Len() > 0 {
		t.Errorf("printed beside the log: %s%s", stdout.String(), stderr.String())
	}
}
