package config

import (
	"fmt"
	"strings"
)

// Error is everything that is wrong with a configuration, found in one go.
type Error struct {
	Source   string  // the file
	Problems []error // one per field where the field is known
}

func (e *Error) Error() string {
	texts := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		texts[i] = problem.Error()
	}
	return fmt.Sprintf("configuration %s: %s", e.Source, strings.Join(texts, "; "))
}

// Unwrap gives errors.Is and errors.As the single problems.
func (e *Error) Unwrap() []error { return e.Problems }
