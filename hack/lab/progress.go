package lab

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// reportEvery is the time between two progress lines of a build.
	reportEvery = 15 * time.Second
	// keptLines is how much of the compiler's output an error quotes.
	keptLines = 20
	// downloading starts the lines in which go build names a module it fetches.
	downloading = "go: downloading "
)

// reporter turns the output of go build -v, one package per line, into a line
// of progress every reportEvery. It is the command's output writer.
type reporter struct {
	out   io.Writer
	began time.Time
	quit  chan struct{}
	done  chan struct{}

	mu        sync.Mutex // guards all below
	partial   []byte     // an unfinished line
	recent    []string   // the last keptLines lines
	compiled  int        // packages begun
	expected  int        // packages in all, those already compiled included
	downloads int        // modules begun
}

func newReporter(out io.Writer) *reporter {
	if out == nil {
		out = io.Discard
	}
	return &reporter{out: out, quit: make(chan struct{}), done: make(chan struct{})}
}

// start announces the build and begins the regular lines; stop ends them.
func (r *reporter) start() {
	r.began = time.Now()
	fmt.Fprintln(r.out, "building etcd, kube-apiserver, kube-scheduler and KWOK from source; "+
		"the first time takes minutes, later starts reuse the result")
	go func() {
		defer close(r.done)
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				fmt.Fprintln(r.out, r.status())
			case <-r.quit:
				return
			}
		}
	}()
}

func (r *reporter) stop() {
	close(r.quit)
	<-r.done
	fmt.Fprintln(r.out, r.status())
}

// Write takes a piece of go build's output.
func (r *reporter) Write(piece []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partial = append(r.partial, piece...)
	for {
		line, rest, complete := bytes.Cut(r.partial, []byte("\n"))
		if !complete {
			return len(piece), nil
		}
		r.partial = rest
		r.note(string(line))
	}
}

func (r *reporter) note(line string) {
	if strings.HasPrefix(line, downloading) {
		r.downloads++
	} else {
		r.compiled++
	}
	r.recent = append(r.recent, line)
	if len(r.recent) > keptLines {
		r.recent = r.recent[1:]
	}
}

// expect tells how many packages the binary is made of.
func (r *reporter) expect(packages int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = packages
}

// status says how far the build is. go build is silent about packages it finds
// compiled and while it links, so the count may stop short of the whole.
func (r *reporter) status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	elapsed := time.Since(r.began).Round(time.Second)
	if r.expected == 0 {
		return fmt.Sprintf("control plane: %s elapsed, %d modules downloaded", elapsed, r.downloads)
	}
	line := fmt.Sprintf("control plane: %s elapsed, %d of at most %d packages compiled", elapsed, r.compiled, r.expected)
	if len(r.recent) > 0 {
		line += ", latest: " + r.recent[len(r.recent)-1]
	}
	return line
}

// lastLines quotes the end of go build's output.
func (r *reporter) lastLines() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(append(r.recent, string(r.partial)), "\n")
}
