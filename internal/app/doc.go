// Package app wires the daemon together and runs it: the only package that
// knows all the others.
//
// It owns lifecycle and leadership. It must not decide anything about offers
// or pods: it passes what one part says on to those that need to hear it.
package app
