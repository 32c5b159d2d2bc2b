package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// diskLine is the journal's line of an agent with a reservation of cpus and mem
// for each of the pods.
func diskLine(node, cluster string, uids ...string) string {
	var list []string
	for _, uid := range uids {
		for _, name := range []string{"cpus", "mem"} {
			list = append(list, fmt.Sprintf(`{"name":%q,"type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC",`+
				`"role":"kubernetes","labels":{"labels":[{"key":"kube-mesos-extender.io/cluster","value":%q},`+
				`{"key":"kube-mesos-extender.io/pod-uid","value":%q}]}}]}`, name, cluster, uid))
		}
	}
	return fmt.Sprintf(`{"key":"host/%s","value":{"id":"S0","reserved":{"resources":[%s]}}}`, node, strings.Join(list, ",")) + "\n"
}

func TestDisks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	disks := newDisks(path)
	expect := func(step string, want map[Promise]int, made, released int) {
		t.Helper()
		got, err := disks.Promises()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", step, diff)
		}
		if m, r := disks.Counts(); m != made || r != released {
			t.Errorf("%s: %d made and %d released, want %d and %d", step, m, r, made, released)
		}
	}
	write := func(flags int, content string) {
		t.Helper()
		file, err := os.OpenFile(path, flags|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(content); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	expect("no file", map[Promise]int{}, 0, 0)
	write(0, `{"key":"registry","value":{}}`+"\n"+diskLine("n0", Cluster, "a")+diskLine("n1", "other", "x"))
	expect("first", map[Promise]int{{"a", "n0"}: 1}, 1, 0)
	next := diskLine("n1", Cluster, "a", "b")
	write(os.O_APPEND, next[:40])
	expect("half a line", map[Promise]int{{"a", "n0"}: 1}, 1, 0)
	write(os.O_APPEND, next[40:])
	expect("the other half", map[Promise]int{{"a", "n0"}: 1, {"a", "n1"}: 1, {"b", "n1"}: 1}, 3, 0)
	if err := os.Rename(path, path+".old"); err != nil { // so that its inode is not used again
		t.Fatal(err)
	}
	write(0, diskLine("n0", Cluster)+diskLine("n1", Cluster, "b"))
	expect("another file", map[Promise]int{{"b", "n1"}: 1}, 3, 2)
}
