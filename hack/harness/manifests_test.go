package harness

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

const shipped = "../../manifests/base"

func TestShippedManifests(t *testing.T) {
	m, err := readManifests(shipped)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{withoutMonitor}
	if diff := cmp.Diff(map[string][]string{extenderAccount: want, schedulerAccount: want}, m.environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	client := fake.NewClientset()
	if err := m.apply(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{extenderAccount, schedulerAccount} {
		if _, err := client.CoreV1().ServiceAccounts(accountNamespace).Get(t.Context(), account, metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	}
	roles, err := client.RbacV1().ClusterRoles().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(roles.Items) == 0 {
		t.Errorf("cluster roles: %v, %v", roles, err)
	}
}

// TestSchedulerConfiguration shows that nothing but the address is changed.
func TestSchedulerConfiguration(t *testing.T) {
	m, err := readManifests(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for name, wholeNodes := range map[string]bool{"names": false, "whole nodes": true} {
		t.Run(name, func(t *testing.T) {
			adapted, err := m.scheduler("http://127.0.0.1:1", wholeNodes, func(map[string]any) {})
			if err != nil {
				t.Fatal(err)
			}
			want, got := extenderIn(t, m.schedulerCfg), extenderIn(t, adapted)
			want.extender["urlPrefix"] = "http://127.0.0.1:1"
			want.extender["nodeCacheCapable"] = !wholeNodes
			if diff := cmp.Diff(want.whole, got.whole); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// decoded is a KubeSchedulerConfiguration and the extender inside it.
type decoded struct{ whole, extender map[string]any }

func extenderIn(t *testing.T, content []byte) decoded {
	t.Helper()
	var d decoded
	if err := yaml.Unmarshal(content, &d.whole); err != nil {
		t.Fatal(err)
	}
	d.extender = d.whole["extenders"].([]any)[0].(map[string]any)
	return d
}

func TestManifestsThatLackSomething(t *testing.T) {
	tests := map[string]struct{ file, want string }{
		"nothing at all":   {"kind: Service\n", "lacks a configuration or RBAC rules"},
		"not YAML":         {"\tkind", "found character"},
		"an unknown field": {"kind: [a]\n", "cannot unmarshal"},
		"an environment that is not plain": {
			"kind: Deployment\nmetadata:\n  name: kube-mesos-extender\nspec:\n  template:\n    spec:\n      containers:\n" +
				"      - env:\n        - {name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n",
			"environment variable A is not a plain value",
		},
		"a wrong role": {"apiVersion: rbac.authorization.k8s.io/v9\nkind: Role\n", "decode Role"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readManifests(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	if _, err := readManifests(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestAwait(t *testing.T) {
	calls := 0
	err := AwaitEvery(t.Context(), time.Millisecond, time.Minute, "three calls", func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("%d calls, error %v", calls, err)
	}
	complaint := errors.New("still no bread")
	err = AwaitEvery(t.Context(), time.Millisecond, 20*time.Millisecond, "bread", func(context.Context) error { return complaint })
	if !errors.Is(err, complaint) || !strings.HasPrefix(err.Error(), "bread: not within 20ms") {
		t.Errorf("error %v", err)
	}
}
