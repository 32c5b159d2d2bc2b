package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// writeTree writes files (relative path → content) below a new directory.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuildKey(t *testing.T) {
	module := map[string]string{"go.mod": "module m", "main.go": "package main", "README.md": "about"}
	tests := []struct {
		name    string
		change  string
		flags   []string
		sameKey bool
	}{
		{name: "nothing changed", sameKey: true},
		{name: "a note changed", change: "README.md", sameKey: true},
		{name: "a source changed", change: "main.go"},
		{name: "a dependency changed", change: "go.mod"},
		{name: "a source was added", change: "etcd.go"},
		{name: "a flag changed", flags: []string{"-race"}},
	}
	before, err := buildKey(writeTree(t, module), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := writeTree(t, module)
			if test.change != "" {
				if err := os.WriteFile(filepath.Join(dir, test.change), []byte("package other"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			after, err := buildKey(dir, test.flags)
			if err != nil || (after == before) != test.sameKey {
				t.Errorf("key %s, before %s (%v)", after, before, err)
			}
		})
	}
}

func TestBuildFlagsStampTheVersion(t *testing.T) {
	dir := writeTree(t, map[string]string{"go.mod": "module m\nrequire (\n\tk8s.io/kubernetes v1.2.3\n)\n"})
	flags, err := buildFlags(dir)
	if err != nil || !strings.Contains(strings.Join(flags, " "), "component-base/version.gitVersion=v1.2.3") {
		t.Errorf("flags %q, error %v", flags, err)
	}
	if _, err := buildFlags(writeTree(t, map[string]string{"go.mod": "module m\n"})); err == nil {
		t.Error("a module without Kubernetes is accepted")
	}
}

func TestCompile(t *testing.T) {
	tests := []struct {
		name, source string
		mention      string // of the error; empty for success
	}{
		{name: "good", source: "package main\nfunc main() {}\n"},
		{name: "the compiler's words are quoted", source: "package main\nfunc main() { undefinedName() }\n", mention: "undefinedName"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			module := writeTree(t, map[string]string{"go.mod": "module m\n\ngo 1.26\n", "main.go": test.source})
			binary := filepath.Join(t.TempDir(), "new", binaryName)
			var progress bytes.Buffer
			err := compile(t.Context(), module, nil, binary, newReporter(&progress))
			if test.mention == "" && (err != nil || !isFile(binary)) {
				t.Errorf("no binary: %v", err)
			}
			if test.mention != "" && (err == nil || !strings.Contains(err.Error(), test.mention) || isFile(binary)) {
				t.Errorf("error %v, want one that mentions %s and no binary", err, test.mention)
			}
			if !strings.Contains(progress.String(), "building etcd") {
				t.Errorf("no progress was shown: %q", progress.String())
			}
		})
	}
}

func TestReporter(t *testing.T) {
	r := newReporter(nil)
	r.began = time.Now()
	steps := []struct {
		output   string // of the go command, cut anywhere
		expected int
		want     string
	}{
		{output: "go: downloading k8s.io/api v0.36.3\n", want: "0s elapsed, 1 modules downloaded"},
		{output: "k8s.io/ap", expected: 40, want: "0s elapsed, 0 of at most 40 packages compiled, latest: go: downloading k8s.io/api v0.36.3"},
		{
			output: "i/core/v1\nk8s.io/api/apps/v1\n", expected: 40,
			want: "0s elapsed, 2 of at most 40 packages compiled, latest: k8s.io/api/apps/v1",
		},
	}
	for _, step := range steps {
		r.expect(step.expected)
		if n, err := r.Write([]byte(step.output)); n != len(step.output) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
		if diff := cmp.Diff("control plane: "+step.want, r.status()); diff != "" {
			t.Errorf("after %q: -want +got\n%s", step.output, diff)
		}
	}
	for range 2 * keptLines {
		_, _ = r.Write([]byte("line\n"))
	}
	if lines := strings.Count(r.lastLines(), "line"); lines != keptLines {
		t.Errorf("%d lines kept, want %d", lines, keptLines)
	}
}

func TestRemoveOtherBuilds(t *testing.T) {
	dir := writeTree(t, map[string]string{"old/controlplane": "", "new/controlplane": "", "lock": ""})
	if err := removeOtherBuilds(dir, "new"); err != nil {
		t.Fatal(err)
	}
	if isFile(filepath.Join(dir, "old", binaryName)) || !isFile(filepath.Join(dir, "new", binaryName)) || !isFile(filepath.Join(dir, "lock")) {
		t.Error("want the old build gone, the new one and the lock kept")
	}
}

func TestCheckoutRoot(t *testing.T) {
	root := writeTree(t, map[string]string{moduleDir + "/go.mod": "", "internal/bind/bind.go": ""})
	got, err := checkoutRoot(filepath.Join(root, "internal", "bind"))
	if err != nil || got != root {
		t.Errorf("got %q, %v; want %q", got, err, root)
	}
	if _, err := checkoutRoot(t.TempDir()); !errors.Is(err, errNoCheckout) {
		t.Errorf("outside a checkout: %v, want %v", err, errNoCheckout)
	}
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryLockFile(path); !errors.Is(err, errLocked) {
		t.Errorf("second lock: %v, want %v", err, errLocked)
	}
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockFile(expired, path); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with an ended context: %v, want %v", err, context.Canceled)
	}
	unlock()
	again, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
}
