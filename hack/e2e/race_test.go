//go:build race

package e2e

// race builds the daemon like the tests themselves.
const race = true
