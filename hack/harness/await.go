package harness

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is the time between two looks at something that is awaited.
const pollEvery = 25 * time.Millisecond

// Await calls check until it returns nil. When the timeout passes or ctx ends
// first, the error names what was awaited and holds the last check's complaint.
func Await(ctx context.Context, timeout time.Duration, what string, check func(context.Context) error) error {
	return AwaitEvery(ctx, pollEvery, timeout, what, check)
}

// AwaitEvery is Await for checks that are too dear for its usual pace.
func AwaitEvery(ctx context.Context, every, timeout time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil { // a check cut short complains of that alone
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, timeout, last)
		case <-ticker.C:
		}
	}
}
