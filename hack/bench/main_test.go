package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"-list"}, exitOK, "filter-5000"},
		{[]string{"-list", "-only", "steady"}, exitOK, "ours ≤ 0.5"},
		{[]string{"-only", "nothing"}, exitUsage, ""},
		{[]string{"-unknown"}, exitUsage, ""},
		{[]string{"dance"}, exitUsage, ""},
		{[]string{"noop"}, exitUsage, ""},
		{[]string{"bare", "127.0.0.1:0"}, exitUsage, ""},
		{[]string{"-h"}, exitOK, ""},
	} {
		var out, progress bytes.Buffer
		if code := run(t.Context(), test.args, &out, &progress); code != test.code || !strings.Contains(out.String(), test.out) {
			t.Errorf("%v: got %d and %q, %q", test.args, code, out.String(), progress.String())
		}
	}
}

func TestRowsHaveOneName(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.name] || r.work == "" || r.unit == "" || r.run == nil || r.bar.least+r.bar.most == 0 {
			t.Errorf("row %q is incomplete or there twice", r.name)
		}
		seen[r.name] = true
	}
}

func TestProc(t *testing.T) {
	got, err := parseCPUTime("12 (a) name) S 1 12 12 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 1 1 1")
	if err != nil || got != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseCPUTime("12 (name) S 1"); err == nil {
		t.Error("want an error for a short line")
	}
	if mib, err := status(os.Getpid(), "VmRSS"); err != nil || mib < 1 {
		t.Errorf("own memory: got %v, %v", mib, err)
	}
	if _, err := cpuTime(os.Getpid()); err != nil {
		t.Error(err)
	}
}

func TestDrawing(t *testing.T) {
	text := drawing([]panel{{
		title: "a < b", x: "nodes", y: "ms",
		series: []series{{name: "ours", points: []point{{100, 0.2}, {100_000, 20}}}, {name: "other", points: []point{{100, 1}}}},
	}})
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, text)
		}
	}
	// From 100 to 100,000 on x and from 0.1 to 100 on y: the first point lies on
	// the left edge, the last on the right.
	for _, want := range []string{`cx="72.0"`, `cx="624.0"`, ">100k<", ">0.1<", "a &lt; b"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
}
