// Command extender is the scheduler extender's daemon: a stock kube-scheduler
// asks it where a pod fits, and it answers from Mesos' offers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// The exit codes of the command.
const (
	exitOK     = 0
	exitFailed = 1 // the daemon ended because of an error; a restart may help
	exitUsage  = 2 // the command line or the configuration is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with its surroundings passed in.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var logged *loggedError
	if !errors.As(err, &logged) {
		_, _ = fmt.Fprintln(stderr, "extender:", err) // the exit code tells it too
	}
	var badConfig *config.Error
	var badUsage *usageError
	if errors.As(err, &badConfig) || errors.As(err, &badUsage) {
		return exitUsage
	}
	return exitFailed
}
