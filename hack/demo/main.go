// Command demo shows the extender at work: it starts everything on loopback,
// plays a short story with pods and a neighbour framework, and prints what
// happened and how long it took.
//
//	demo [-once] [-master URL]
//
// It owns the story and how it is told. It must not know how the system is
// started (hack/harness does), and judges by what the API server and the Mesos
// master say, not by what the daemon says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// Exit codes.
const (
	exitFailed = 1 // a step of the story did not happen
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with its surroundings passed in.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	once := flags.Bool("once", false, "exit after the story")
	master := flags.String("master", "", "base URL of a real Mesos master to use, such as http://host:5050")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return exitUsage
	}
	if err := show(ctx, *master, *once, stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "demo:", err)
		return exitFailed
	}
	return 0
}

// show starts the system, plays the story, and stays up unless once is set.
func show(ctx context.Context, master string, once bool, out io.Writer) error {
	t := teller{out: out}
	t.heading("Starting")
	t.line("The first run compiles etcd, kube-apiserver, kube-scheduler and KWOK: 10 to 15 minutes on two cores.")
	t.line("Later runs reuse the result and are up in seconds.")
	began := time.Now()
	h, err := harness.Start(ctx, options(master, out))
	if err != nil {
		return err
	}
	defer h.Stop()
	t.line("Everything is up after %s.", took(began))
	failed := play(ctx, h, &t)
	if failed != nil {
		t.line("\nFAILED: %v\nLogs are in %s.", failed, h.Dir())
	} else {
		t.line("\nEvery step of the story happened. It took %s from the start.", took(began))
	}
	if once || ctx.Err() != nil {
		return failed
	}
	stayUp(ctx, h, &t)
	return failed
}

// options describe six agents, unless there is a real master.
func options(master string, out io.Writer) harness.Options {
	options := harness.Options{Name: "demo", Progress: out, MasterURL: master, Configure: func(cfg *config.Config) {
		cfg.Mesos.Framework.FailoverTimeout.Duration = time.Minute // leaves a real master clean
	}}
	if master == "" {
		options.Agents, options.AgentResources = 6, "cpus:8;mem:16384;disk:50000;ports:[31000-32000]"
	}
	return options
}

// stayUp tells where everything is and waits for Ctrl-C.
func stayUp(ctx context.Context, h *harness.Harness, t *teller) {
	t.heading("Still up until Ctrl-C")
	t.table([]string{"WHAT", "WHERE"}, [][]string{
		{"Mesos master", h.MasterURL()},
		{"extender", h.ExtenderURL()},
		{"metrics", h.ExtenderURL() + "/metrics"},
		{"logs", h.Dir()},
		{"kubeconfig", h.Kubeconfig()},
	})
	t.line("Try: a pod with spec.schedulerName %q.", harness.SchedulerName)
	<-ctx.Done()
	t.line("\nStopping.")
}
