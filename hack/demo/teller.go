package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// teller prints the story as plain text.
type teller struct{ out io.Writer }

// heading begins a part.
func (t *teller) heading(format string, args ...any) {
	title := fmt.Sprintf(format, args...)
	_, _ = fmt.Fprintf(t.out, "\n%s\n%s\n", title, strings.Repeat("=", len(title)))
}

func (t *teller) line(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// table prints rows below a header, columns aligned.
func (t *teller) table(header []string, rows [][]string) {
	w := tabwriter.NewWriter(t.out, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// took is the time since began, for people.
func took(began time.Time) string { return short(time.Since(began)) }

func short(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
