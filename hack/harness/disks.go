package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
)

// hostKey begins the journal's keys of what an agent has on its disk.
const hostKey = "host/"

// Promise is a reservation for a pod on a node. A pod may have two for a moment,
// when it is tried on another node after its bind broke off.
type Promise struct{ UID, Node string }

// Disks is what the emulated agents have checkpointed. It reads the files that
// survive kill -9, so that it can tell while the emulated master is down.
type Disks struct {
	path string

	mu             sync.Mutex // guards all below
	file           fs.FileInfo
	offset         int64
	reserved       map[string]map[string]int // node → pod UID → reservations of our cluster
	made, released int
}

// Disks opens the agents' disks.
func (h *Harness) Disks() (*Disks, error) {
	if h.master == nil {
		return nil, errRealMaster
	}
	return newDisks(filepath.Join(h.master.workDir(), "mesossim.journal")), nil
}

func newDisks(path string) *Disks {
	return &Disks{path: path, reserved: map[string]map[string]int{}}
}

// Promises counts the reservations of our cluster by pod and node. More than one
// for the same pod on one node have different labels or roles.
func (d *Disks) Promises() (map[Promise]int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.read(); err != nil {
		return nil, err
	}
	promises := map[Promise]int{}
	for node, pods := range d.reserved {
		for uid, count := range pods {
			promises[Promise{uid, node}] = count
		}
	}
	return promises, nil
}

// Counts are how many reservations have come to and gone from the disks, as far
// as they were there when somebody looked.
func (d *Disks) Counts() (made, released int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made, d.released
}

// read takes in what was written since the last time. A master that starts
// again replaces the file. The caller holds mu.
func (d *Disks) read() error {
	file, err := os.Open(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has not started yet
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if d.file == nil || !os.SameFile(d.file, info) {
		d.offset = 0
	}
	d.file = info
	news, err := io.ReadAll(io.NewSectionReader(file, d.offset, info.Size()-d.offset))
	if err != nil {
		return err
	}
	complete := news[:bytes.LastIndexByte(news, '\n')+1] // the rest is being written
	d.offset += int64(len(complete))
	for line := range bytes.Lines(complete) {
		if err := d.take(line); err != nil {
			return fmt.Errorf("%s: %w", d.path, err)
		}
	}
	return nil
}

// take notes one line of the journal. The last line of a master that was killed
// may be broken; the emulator ignores it as well. The caller holds mu.
func (d *Disks) take(line []byte) error {
	var record struct {
		Key   string
		Value json.RawMessage
	}
	whole := json.Unmarshal(line, &record) == nil
	node, ok := strings.CutPrefix(record.Key, hostKey)
	if !whole || !ok {
		return nil
	}
	var disk struct{ Reserved masterapi.Checkpoint }
	if err := json.Unmarshal(record.Value, &disk); err != nil {
		return fmt.Errorf("decode %s: %w", record.Key, err)
	}
	now := map[string]int{}
	for _, r := range disk.Reserved.Reservations() {
		if r.Labels[masterapi.ClusterLabel] == Cluster {
			now[r.Labels[masterapi.UIDLabel]]++
		}
	}
	d.made += surplus(now, d.reserved[node])
	d.released += surplus(d.reserved[node], now)
	d.reserved[node] = now
	return nil
}

// surplus is how much more there is in a than in b.
func surplus(a, b map[string]int) (sum int) {
	for key, count := range a {
		sum += max(0, count-b[key])
	}
	return sum
}
