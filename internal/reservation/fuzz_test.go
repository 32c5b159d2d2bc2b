package reservation

import (
	"slices"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// FuzzOwner puts arbitrary labels on a reservation: what counts as ours has our
// cluster's label and a UID, literally, and what we write is always read back.
func FuzzOwner(f *testing.F) {
	f.Add(testCluster, clusterLabel, testCluster, namespaceLabel, "default", uidLabel, "p1", timeLabel, "2026-01-02T03:04:05Z", true)
	f.Add(testCluster, clusterLabel, "cluster-2", podLabel, "pod-p1", uidLabel, "p1", timeLabel, "", true)
	f.Add(testCluster, clusterLabel, testCluster, clusterLabel, "cluster-2", uidLabel, "p1", uidLabel, "", true)
	f.Add(testCluster, "kube-mesos-extender.io/Cluster", testCluster, "", "", uidLabel, "p1", timeLabel, "9999-99-99T99:99:99Z", true)
	f.Add("", clusterLabel, "", namespaceLabel, "default", uidLabel, "", "pod", "a", false) // "pod": a label of the recordings
	f.Fuzz(func(t *testing.T, cluster, k1, v1, k2, v2, k3, v3, k4, v4 string, dynamic bool) {
		labels := []resources.Label{{Key: k1, Value: v1}, {Key: k2, Value: v2}, {Key: k3, Value: v3}, {Key: k4, Value: v4}}
		portion := unreserved(one).Push(resources.Layer{Dynamic: dynamic, Role: testRole, Labels: labels}, one)
		madeAt(portion) // whatever it says
		pod, ok := owner(cluster, portion)
		if ok && (!dynamic || !slices.Contains(labels, resources.Label{Key: clusterLabel, Value: cluster}) ||
			!slices.Contains(labels, resources.Label{Key: uidLabel, Value: pod.UID}) || pod.UID == "") {
			t.Fatalf("%+v of cluster %q counts as ours: %+v", portion, cluster, pod)
		}
		mine := Pod{Namespace: v1, Name: v2, UID: v3}
		at := time.Unix(int64(len(v4)), 0).UTC()
		read, ok := owner(cluster, unreserved(one).Push(layer(cluster, testRole, testPrincipal, mine, at), one))
		if ok != (v3 != "") || read != mine {
			t.Fatalf("read %+v, %v, want %+v", read, ok, mine)
		}
		if got := madeAt(unreserved(one).Push(layer(cluster, testRole, testPrincipal, mine, at), one)); !got.Equal(at) {
			t.Fatalf("made at %s, want %s", got, at)
		}
	})
}
