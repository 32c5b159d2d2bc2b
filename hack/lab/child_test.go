package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProcessOfTheCaller(t *testing.T) {
	log := filepath.Join(t.TempDir(), "sleep.log")
	p, err := StartProcess("sleep", log, nil, "/bin/sh", "-c", "echo began; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
		t.Fatal(p.ExitError())
	default:
	}
	p.Stop()
	<-p.Done()
	p.Kill() // of an ended process does nothing
	if _, err := os.Stat(log); err != nil {
		t.Error(err)
	}
}

func TestProcessThatEndsByItself(t *testing.T) {
	p, err := StartProcess("short", filepath.Join(t.TempDir(), "short.log"), nil, "/bin/sh", "-c", "echo farewell; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.ExitError(); !errors.Is(err, errExited) || !strings.Contains(err.Error(), "farewell") {
		t.Errorf("error %v, want one that quotes the log", err)
	}
	if _, err := StartProcess("none", filepath.Join(t.TempDir(), "none.log"), nil, "/nonexistent"); err == nil {
		t.Error("started a program that does not exist")
	}
}
