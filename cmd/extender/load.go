package main

import (
	"github.com/spf13/cobra"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// load reads the configuration and checks the files that it names, so that a
// wrong one ends the command before anything has begun.
func load(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	return cfg, cfg.CheckFiles(path)
}

// noArgs is cobra.NoArgs; what it refuses is a wrong command line.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return &usageError{err}
	}
	return nil
}
