package config

import "strings"

// Error is everything that is wrong with a configuration, found in one go.
type Error struct {
	Source   string  // the file; empty where it is not known
	Problems []error // one per field where the field is known
}

func (e *Error) Error() string {
	texts := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		texts[i] = problem.Error()
	}
	source := "configuration"
	if e.Source != "" {
		source += " " + e.Source
	}
	return source + ": " + strings.Join(texts, "; ")
}

// Unwrap gives errors.Is and errors.As the single problems.
func (e *Error) Unwrap() []error { return e.Problems }
