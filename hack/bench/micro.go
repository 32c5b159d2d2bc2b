package main

// microRows are the rows that need no control plane.
func microRows() []row { return nil }
