package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// row is one line of the table.
type row struct {
	name string
	work string // what is measured, in a sentence
	unit string // of ours and reference
	bar  bar
	run  func(ctx context.Context, e *environment) (result, error)
}

// result is what a row measured, in the row's unit. What there is none of is NaN.
type result struct {
	ours, reference float64
	// ratio is ours/reference, or the median of pairs.
	ratio   float64
	details details
}

// compare returns a result whose ratio is that of the two amounts.
func compare(ours, reference float64) result {
	return result{ours: ours, reference: reference, ratio: ours / reference}
}

// alone returns a result without a reference.
func alone(ours float64) result {
	return result{ours: ours, reference: math.NaN(), ratio: math.NaN()}
}

// details are further figures, in the order in which they were added.
type details []detail

type detail struct {
	name  string
	value float64
}

// p99 is the detail that bar.p99 is about.
const p99 = "p99"

// get returns a detail, NaN if there is none of that name.
func (d details) get(name string) float64 {
	for _, one := range d {
		if one.name == name {
			return one.value
		}
	}
	return math.NaN()
}

func (d *details) add(name string, value float64) { *d = append(*d, detail{name, value}) }

// MarshalJSON writes an object that keeps the order.
func (d details) MarshalJSON() ([]byte, error) { //nolint:unparam // json.Marshaler
	var out bytes.Buffer
	out.WriteByte('{')
	for i, one := range d {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:%s", one.name, amount(one.value).json())
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// judged is what a bar is about.
type judged string

const (
	judgeRatio  judged = "ratio"
	judgeOurs   judged = "ours"
	judgeExcess judged = "excess" // ours less reference
)

// bar is what a row must reach. One of least and most is set, the other zero.
type bar struct {
	what        judged
	least, most float64
	p99         float64 // that the detail of this name may have at most; zero: any
}

func (b bar) String() string {
	text := fmt.Sprintf("%s ≤ %v", b.what, b.most)
	if b.least > 0 {
		text = fmt.Sprintf("%s ≥ %v", b.what, b.least)
	}
	if b.p99 > 0 {
		text += fmt.Sprintf(", p99 ≤ %v", b.p99)
	}
	return text
}

// reached reports whether r clears the bar. What was not measured does not.
func (b bar) reached(r result) bool {
	value := r.ours
	switch b.what {
	case judgeRatio:
		value = r.ratio
	case judgeExcess:
		value = r.ours - r.reference
	}
	if math.IsNaN(value) || math.IsInf(value, 0) || b.p99 > 0 && !(r.details.get(p99) <= b.p99) {
		return false
	}
	if b.least > 0 {
		return value >= b.least
	}
	return value <= b.most
}

// The verdicts.
const (
	ok    = "ok"
	short = "short"
)

// amount is a number of which there may be none.
type amount float64

// json is null for none.
func (a amount) json() string {
	if v := float64(a); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return "null"
}

// MarshalJSON writes null for none.
func (a amount) MarshalJSON() ([]byte, error) { return []byte(a.json()), nil } //nolint:unparam // json.Marshaler

// UnmarshalJSON reads null as none.
func (a *amount) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*a = amount(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(a))
}

// String shows three significant digits, and all digits before the point.
func (a amount) String() string {
	v := float64(a)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v == 0:
		return "0"
	}
	decimals := max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0)
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// line is a row as it is printed and written.
type line struct {
	Name      string  `json:"name"`
	Work      string  `json:"work"`
	Unit      string  `json:"unit"`
	Ours      amount  `json:"ours"`
	Reference amount  `json:"reference"`
	Ratio     amount  `json:"ratio"`
	Bar       string  `json:"bar"`
	Verdict   string  `json:"verdict"`
	Error     string  `json:"error,omitempty"`
	Seconds   amount  `json:"seconds"` // that the row took
	Details   details `json:"details,omitempty"`
}

// judge makes a line of what was measured.
func (r row) judge(got result, err error, took time.Duration) line {
	l := line{
		Name: r.name, Work: r.work, Unit: r.unit, Bar: r.bar.String(), Verdict: short,
		Ours: amount(got.ours), Reference: amount(got.reference), Ratio: amount(got.ratio),
		Details: got.details, Seconds: amount(math.Round(took.Seconds()*10) / 10),
	}
	if err != nil {
		none := amount(math.NaN())
		l.Ours, l.Reference, l.Ratio, l.Error = none, none, none, err.Error()
		return l
	}
	if r.bar.reached(got) {
		l.Verdict = ok
	}
	return l
}

const columns = "%-18s %18s %18s %8s   %-14s %s"

func header() string {
	return fmt.Sprintf(columns, "name", "ours", "reference", "ratio", "bar", "")
}

func (l line) String() string {
	text := fmt.Sprintf(columns, l.Name, l.Ours.with(l.Unit), l.Reference.with(l.Unit), l.Ratio, l.Bar, l.Verdict)
	if l.Error != "" {
		first, _, _ := strings.Cut(l.Error, "\n")
		text += ": " + first
	}
	return text
}

func (a amount) with(unit string) string {
	if text := a.String(); text != "–" {
		return text + " " + unit
	}
	return "–"
}

// report is one run.
type report struct {
	Machine machine   `json:"machine"`
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Rows    []line    `json:"rows"`
}

// write replaces the file.
func (r report) write(file string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o600)
}

// UnmarshalJSON reads an object, in the order in which it was written.
func (d *details) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		var value amount
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		d.add(fmt.Sprint(name), float64(value))
	}
	return nil
}
