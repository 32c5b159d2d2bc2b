package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReservationsExitCodes(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// Nobody listens on port 1, and nothing is asked of the kube-apiserver
	// before the master has answered.
	kubeconfig := write("kubeconfig", "apiVersion: v1\nkind: Config\ncurrent-context: c\n"+
		"clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c, user: ''}}]\n")
	config := write("config.yaml", "apiVersion: kube-mesos-extender.io/v1alpha1\nkind: ExtenderConfiguration\nclusterID: berlin\n"+
		"mesos: {masters: ['http://127.0.0.1:1']}\nkubernetes: {kubeconfig: "+kubeconfig+"}\n")
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"form that does not exist": {[]string{"--config", config, "-o", "yaml"}, exitUsage, `"yaml" is neither table nor json`},
		"unknown flag":             {[]string{"--all"}, exitUsage, "unknown flag"},
		"no configuration":         {[]string{"--config", config + ".missing"}, exitUsage, "no such file"},
		"master down":              {[]string{"--config", config, "--orphans"}, exitFailed, "read the master's agents"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"reservations"}, tt.args...), &stdout, &stderr)
			if code != tt.code || !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("exit code %d, want %d; stderr %q should say %q", code, tt.code, stderr.String(), tt.says)
			}
			if stdout.Len() > 0 {
				t.Errorf("printed %q", stdout.String())
			}
		})
	}
}
