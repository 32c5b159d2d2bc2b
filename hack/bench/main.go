// Command bench measures how fast the extender is, side by side with what it is
// compared to, and prints one line per row:
//
//	name  ours  reference  ratio  bar  ok|short
//
// It owns the rows, their references and the report. It changes nothing that it
// measures, and compares no absolute times of different machines: only ratios
// within one run, and amounts that do not depend on the machine's speed.
//
//	go run ./hack/bench [-only row,row] [-json file] [-list]
//	go run ./hack/bench chart       measures cost against size: docs/performance.svg
//	go run ./hack/bench doc [file]  puts the table of a run into docs/performance.md
//	go run ./hack/bench noop host:port  is the extender that does nothing
//	go run ./hack/bench bare host:port kubeconfig  is one that binds, and does nothing else
//
// It ends with 1 if a row is short of its bar or could not be measured, and with
// 2 if it was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitOK    = 0
	exitShort = 1
	exitUsage = 2
)

// environment is what rows share.
type environment struct {
	root     string    // of the checkout
	progress io.Writer // takes a line for every step
}

// logf tells what is being done.
func (e *environment) logf(format string, args ...any) {
	fmt.Fprintf(e.progress, "bench: "+format+"\n", args...)
}

// cache is a path below .cache/bench.
func (e *environment) cache(path ...string) string {
	return filepath.Join(append([]string{e.root, ".cache", "bench"}, path...)...)
}

// rows are all rows, in the order in which they run.
func rows() []row { return append(microRows(), clusterRows()...) }

// settings are the command line.
type settings struct {
	verb string // "", "chart", "doc", "noop" or "bare"
	args []string
	json string
	only string
	list bool
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&s.json, "json", "", "file for the result as JSON, default .cache/bench/bench.json")
	fs.StringVar(&s.only, "only", "", "rows to run, separated by commas; default: all")
	fs.BoolVar(&s.list, "list", false, "list the rows and their bars")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	if s.args = fs.Args(); len(s.args) > 0 {
		s.verb, s.args = s.args[0], s.args[1:]
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage // the flag package has told
	}
	fail := func(code int, err error) int {
		fmt.Fprintln(stderr, "bench:", err)
		return code
	}
	root, err := lab.Checkout()
	if err != nil {
		return fail(exitUsage, err)
	}
	e := &environment{root: root, progress: stderr}
	selected, err := choose(rows(), s.only)
	switch {
	case err != nil:
		return fail(exitUsage, err)
	case s.list:
		list(selected, stdout)
		return exitOK
	case s.verb == "chart":
		err = chart(ctx, e)
	case s.verb == "doc":
		err = insertTables(filepath.Join(root, "docs", "performance.md"), s.jsonFiles(e))
	case s.verb == "noop" && len(s.args) == 1:
		err = serve(ctx, s.args[0], (&noop{}).handler())
	case s.verb == "bare" && len(s.args) == 2:
		err = serveBare(ctx, s.args[0], s.args[1])
	case s.verb != "":
		return fail(exitUsage, fmt.Errorf("%q: want no verb, chart, doc, noop and an address, or bare, an address and a kubeconfig", s.verb))
	default:
		err = measure(ctx, e, selected, stdout, s.jsonFiles(e)[0])
	}
	if err != nil {
		return fail(exitShort, err)
	}
	return exitOK
}

// jsonFiles are the result files named, at least one.
func (s settings) jsonFiles(e *environment) []string {
	switch {
	case len(s.args) > 0:
		return s.args
	case s.json != "":
		return []string{s.json}
	}
	return []string{e.cache("bench.json")}
}

// choose picks the rows that are named, all if none is.
func choose(all []row, only string) ([]row, error) {
	if only == "" {
		return all, nil
	}
	var chosen []row
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no row %q, see -list", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func list(rows []row, out io.Writer) {
	for _, r := range rows {
		fmt.Fprintf(out, "%-18s %-15s %s\n", r.name, r.bar, r.work)
	}
}

// measure runs rows one after the other, prints each as soon as it is measured,
// and keeps what was measured so far in the file.
func measure(ctx context.Context, e *environment, rows []row, out io.Writer, file string) error {
	began := time.Now()
	report := report{Machine: describeMachine(ctx, e.root), Began: began.UTC().Truncate(time.Second)}
	for _, line := range report.Machine.lines() {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out, "\n"+header())
	var short []string
	for _, r := range rows {
		e.logf("%s: %s", r.name, r.work)
		started := time.Now()
		got, err := r.run(ctx, e)
		if ctx.Err() != nil {
			return fmt.Errorf("stopped in %s", r.name)
		}
		line := r.judge(got, err, time.Since(started))
		report.Rows = append(report.Rows, line)
		fmt.Fprintln(out, line)
		if line.Verdict != ok {
			short = append(short, r.name)
		}
		report.Seconds = time.Since(began).Round(time.Second).Seconds()
		if err := report.write(file); err != nil {
			return err
		}
	}
	if len(short) > 0 {
		return fmt.Errorf("short of the bar: %s", strings.Join(short, ", "))
	}
	return nil
}
