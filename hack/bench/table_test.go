package main

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestBars(t *testing.T) {
	none := math.NaN()
	for _, test := range []struct {
		name string
		bar  bar
		text string
		got  result
		want bool
	}{
		{"a ratio that is low enough", bar{what: judgeRatio, most: 0.33}, "ratio ≤ 0.33", compare(33, 100), true},
		{"a ratio that is too high", bar{what: judgeRatio, most: 0.33}, "ratio ≤ 0.33", compare(34, 100), false},
		{"a ratio that is high enough", bar{what: judgeRatio, least: 0.9}, "ratio ≥ 0.9", compare(90, 100), true},
		{"a ratio that is too low", bar{what: judgeRatio, least: 0.9}, "ratio ≥ 0.9", compare(89, 100), false},
		{"a ratio of nothing", bar{what: judgeRatio, most: 1}, "ratio ≤ 1", compare(0, 0), false},
		{"an amount", bar{what: judgeOurs, most: 400}, "ours ≤ 400", alone(400), true},
		{"too large an amount", bar{what: judgeOurs, most: 400}, "ours ≤ 400", alone(400.1), false},
		{"no amount", bar{what: judgeOurs, most: 400}, "ours ≤ 400", alone(none), false},
		{"a row's own ratio", bar{what: judgeRatio, most: 1}, "ratio ≤ 1", result{ours: 1, reference: 9, ratio: 2}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.bar.reached(test.got); got != test.want {
				t.Errorf("reached: got %v", got)
			}
			if got := test.bar.String(); got != test.text {
				t.Errorf("got %q, want %q", got, test.text)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 1: "1", 0.5: "0.5", 12.345: "12.3", 123.45: "123", 98765.4: "98765", 0.012345: "0.0123", -2.5: "-2.5", 0.0009999: "0.001",
		math.NaN(): "–", math.Inf(1): "–",
	} {
		if got := amount(value).String(); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}

func TestMedianPair(t *testing.T) {
	r := medianPair([]pair{{10, 10}, {30, 10}, {20, 10}})
	if r.ours != 20 || r.reference != 10 || r.ratio != 2 {
		t.Errorf("got %+v", r)
	}
	if got := medianPair([]pair{{30, 10}, {20, 10}}).ratio; got != 2 {
		t.Errorf("of two the lower one: got %v", got)
	}
	if got := medianPair(nil).ratio; !math.IsNaN(got) {
		t.Errorf("of none: got %v", got)
	}
	if got := percentile([]float64{4, 1, 3, 2}, 0.99); got != 4 {
		t.Errorf("p99: got %v", got)
	}
}

// sample is a report with everything in it.
func sampleReport() report {
	var d details
	d.add("p99 ms", 2.5)
	d.add("a", math.NaN())
	r := row{name: "filter-500", work: "one call", unit: "ms", bar: bar{what: judgeRatio, most: 0.5}}
	good := compare(1, 4)
	good.details = d
	return report{
		Machine: machine{CPU: "cpu", Cores: 2, OS: "linux", Go: "go1", Commit: "abc", Modules: map[string]string{"go.uber.org/zap": "v1"}},
		Began:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 120,
		Rows: []line{r.judge(good, nil, time.Second), r.judge(result{}, errors.New("broken\nat line 2"), time.Second)},
	}
}

func TestReportIsReadBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dir", "bench.json")
	want := sampleReport()
	if err := want.write(file); err != nil {
		t.Fatal(err)
	}
	got, err := readReport(file)
	if err != nil {
		t.Fatal(err)
	}
	options := cmp.Options{
		cmpopts.EquateNaNs(), cmp.AllowUnexported(detail{}),
		cmp.Comparer(func(a, b amount) bool { return a == b || a.String() == b.String() }),
	}
	if diff := cmp.Diff(want, got, options); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(content) || !strings.Contains(string(content), `"p99 ms": 2.5`) {
		t.Errorf("got %s", content)
	}
}

func TestLines(t *testing.T) {
	r := sampleReport()
	if got := strings.Join(strings.Fields(r.Rows[0].String()), " "); got != "filter-500 1 ms 4 ms 0.25 ratio ≤ 0.5 ok" {
		t.Errorf("got %q", got)
	}
	if got := strings.Join(strings.Fields(r.Rows[1].String()), " "); got != "filter-500 – – – ratio ≤ 0.5 short: broken" {
		t.Errorf("got %q", got)
	}
}

func TestTablesAreInserted(t *testing.T) {
	dir := t.TempDir()
	file, document := filepath.Join(dir, "bench.json"), filepath.Join(dir, "performance.md")
	if err := sampleReport().write(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(document, []byte("before\n"+docBegin+"\nold\n"+docEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again changes nothing
		if err := insertTables(document, []string{file}); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	if !strings.HasPrefix(text, "before\n"+docBegin) || !strings.HasSuffix(text, docEnd+"\nafter\n") || strings.Contains(text, "old") ||
		strings.Count(text, "| `filter-500` | 1 ms | 4 ms | 0.25 | ratio ≤ 0.5 | ok |") != 1 {
		t.Errorf("got %s", text)
	}
	if err := os.WriteFile(document, []byte("no markers"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := insertTables(document, []string{file}); err == nil {
		t.Error("want an error for a document without markers")
	}
}
