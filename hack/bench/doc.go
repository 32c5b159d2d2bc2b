package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// The table in the document stands between these lines.
const (
	docBegin = "<!-- bench: begin -->"
	docEnd   = "<!-- bench: end -->"
)

// insertTables replaces what stands between the markers of a document by the
// tables of runs.
func insertTables(document string, files []string) error {
	content, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(content), docBegin+"\n")
	_, after, ends := strings.Cut(rest, docEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %s and %s", document, docBegin, docEnd)
	}
	var tables strings.Builder
	for _, file := range files {
		r, err := readReport(file)
		if err != nil {
			return err
		}
		tables.WriteString("\n" + r.markdown())
	}
	fresh := before + docBegin + "\n" + tables.String() + "\n" + docEnd + after
	return os.WriteFile(document, []byte(fresh), 0o600)
}

func readReport(file string) (report, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return report{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var r report
	if err := decoder.Decode(&r); err != nil {
		return report{}, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// markdown is the table of a run, with its machine.
func (r report) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Run of %s, %.0f minutes:\n\n", r.Began.Format("2006-01-02 15:04 UTC"), r.Seconds/60)
	for _, line := range r.Machine.lines() {
		fmt.Fprintf(&out, "    %s\n", line)
	}
	out.WriteString("\n| row | ours | reference | ratio | bar | |\n| --- | ---: | ---: | ---: | --- | --- |\n")
	for _, l := range r.Rows {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | %s |\n",
			l.Name, l.Ours.with(l.Unit), l.Reference.with(l.Unit), l.Ratio, l.Bar, l.Verdict)
	}
	return out.String()
}
