package mesossim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// storeFile is the journal below a work directory: one JSON record a line, the
// last one of a key counts.
const storeFile = "mesossim.journal"

// record is one line of the journal.
type record struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// store is the disk of agents and registry. Records are written to the file, if
// there is one, before the call that caused them returns, so a kill -9 loses
// nothing.
type store struct {
	values    map[string]json.RawMessage // as read at the start
	file      *os.File                   // nil without a work directory
	pending   *bytes.Buffer
	recovered bool // there was something
	err       error
}

func openStore(workDir string) (*store, error) {
	st := &store{values: map[string]json.RawMessage{}}
	if workDir == "" {
		return st, nil
	}
	if err := os.MkdirAll(workDir, 0o750); err != nil {
		return nil, fmt.Errorf("work directory: %w", err)
	}
	path := filepath.Join(workDir, storeFile)
	if err := st.load(path); err != nil {
		return nil, err
	}
	if err := st.compact(path); err != nil {
		return nil, err
	}
	return st, nil
}

// compact replaces the journal by one that has each key once, and opens it.
func (st *store) compact(path string) error {
	var lines bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(st.values)) {
		line, err := json.Marshal(record{key, st.values[key]})
		if err != nil {
			return fmt.Errorf("encode %s: %w", key, err)
		}
		lines.Write(append(line, '\n'))
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, lines.Bytes(), 0o600); err != nil {
		return fmt.Errorf("work directory: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("work directory: %w", err)
	}
	var err error
	if st.file, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600); err != nil { //nolint:gosec // the caller's directory
		return fmt.Errorf("work directory: %w", err)
	}
	return nil
}

func (st *store) load(path string) error {
	data, err := os.ReadFile(path) //nolint:gosec // the caller's directory
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("work directory: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			continue // the last line of a process that was killed while writing
		}
		st.values[r.Key] = r.Value
		st.recovered = true
	}
	return lines.Err()
}

// put keeps value under key; without a work directory it does nothing.
func (st *store) put(key string, value any) {
	if st.file == nil {
		return
	}
	raw, err := json.Marshal(value)
	if err != nil {
		st.err = errors.Join(st.err, fmt.Errorf("encode %s: %w", key, err))
		return
	}
	line, err := json.Marshal(record{key, raw})
	if err != nil {
		st.err = errors.Join(st.err, fmt.Errorf("encode %s: %w", key, err))
		return
	}
	line = append(line, '\n')
	if st.pending != nil {
		st.pending.Write(line)
		return
	}
	if _, err := st.file.Write(line); err != nil {
		st.err = errors.Join(st.err, fmt.Errorf("write the journal: %w", err))
	}
}

// get reads what was kept under key; found is false when there is nothing.
func (st *store) get(key string, into any) (found bool, err error) {
	raw, ok := st.values[key]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	return true, nil
}

// batch collects records until the returned function is called.
func (st *store) batch() func() {
	st.pending = &bytes.Buffer{}
	return func() {
		lines := st.pending
		st.pending = nil
		if st.file == nil || lines.Len() == 0 {
			return
		}
		if _, err := st.file.Write(lines.Bytes()); err != nil {
			st.err = errors.Join(st.err, fmt.Errorf("write the journal: %w", err))
		}
	}
}

func (st *store) close() error {
	if st.file == nil {
		return st.err
	}
	err := errors.Join(st.err, st.file.Close())
	st.file = nil
	return err
}
