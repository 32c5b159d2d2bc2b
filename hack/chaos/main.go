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
)

// Exit codes.
const (
	exitViolated = 1 // an invariant was violated, or the run did not come to its end
	exitUsage    = 2
)

// settings are the command line.
type settings struct {
	seed     uint64
	kills    int
	duration time.Duration // of the faults
	settle   time.Duration // for the system to become quiet afterwards
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with its surroundings passed in.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return exitUsage
	}
	if err := unleash(ctx, s, stdout); err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return exitViolated
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano())%1_000_000, "of the plan and the load; default: another one each time")
	flags.IntVar(&s.kills, "kills", 36, "how many processes to kill")
	flags.DurationVar(&s.duration, "duration", 3*time.Minute+30*time.Second, "how long to do so")
	flags.DurationVar(&s.settle, "settle", time.Minute, "how long the system may take afterwards to become quiet")
	err := flags.Parse(args)
	switch {
	case err != nil:
		return s, err
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.kills < 1 || s.duration <= 0 || s.settle <= 0:
		return s, errors.New("-kills, -duration and -settle must be positive")
	}
	return s, nil
}
