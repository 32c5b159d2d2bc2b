package kube

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

const kubeconfig = `apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "https://127.0.0.1:6443"}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
users: [{name: test, user: {token: secret}}]
`

func TestConnect(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	_, cfg, err := Connect(path, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.QPS >= 0 || cfg.UserAgent != userAgent || cfg.Host != "https://127.0.0.1:6443" || cfg.BearerToken != "secret" {
		t.Errorf("configuration = %+v", cfg)
	}
	for _, line := range logs.All() {
		for _, field := range line.Context {
			if field.String == "secret" {
				t.Errorf("the token was logged: %v", line)
			}
		}
	}
}

func TestConnectRefusesWhatItCannotRead(t *testing.T) {
	if _, _, err := Connect(filepath.Join(t.TempDir(), "missing"), zap.NewNop()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing kubeconfig: %v", err)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, _, err := Connect("", zap.NewNop()); !errors.Is(err, rest.ErrNotInCluster) {
		t.Errorf("outside of a cluster: %v, want %v", err, rest.ErrNotInCluster)
	}
}

func TestKlogGoesThroughZap(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	BridgeKlog(zap.New(core))
	defer klog.ClearLogger()
	broken := errors.New("broken pipe")
	klog.Background().Error(broken, "watch ended", "resource", "pods")
	klog.FromContext(t.Context()).Info("attempting to acquire")
	if logs.Len() != 2 {
		t.Fatalf("%d lines, want 2: %v", logs.Len(), logs.All())
	}
	fields := logs.All()[0].ContextMap()
	if fields[logkeys.Error] != "broken pipe" || fields[logkeys.Component] != "client-go" || fields["resource"] != "pods" {
		t.Errorf("fields = %v", fields)
	}
}

func TestLeadershipCountsFromWhenTheRequestLeft(t *testing.T) {
	start := time.Unix(1000, 0)
	clk, holder, nobody := clocktesting.NewFakePassiveClock(start), "us", ""
	fence := &fencedLeases{identity: "us", duration: 5 * time.Second, clock: clk}
	ours := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}}

	clk.SetTime(start.Add(4 * time.Second)) // the answer was long under way
	fence.written(ours, start)
	if !fence.valid() {
		t.Error("not valid 4 s after a renewal for 5 s")
	}
	clk.SetTime(start.Add(5 * time.Second))
	if fence.valid() {
		t.Error("valid when others may already have taken over")
	}
	fence.written(ours, clk.Now())
	fence.written(&coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &nobody}}, clk.Now())
	if fence.valid() {
		t.Error("valid after the release")
	}
}
