package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/app"
)

const defaultConfig = "/etc/kube-mesos-extender/config.yaml"

// usageError marks a command line that cannot be understood.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// loggedError is an error that is in the log already.
type loggedError struct{ error }

func (e *loggedError) Unwrap() error { return e.error }

// flags are the only settings outside the configuration file.
type flags struct{ config, logLevel string }

func newCommand() *cobra.Command {
	var f flags
	root := &cobra.Command{
		Use:           "extender",
		Short:         "Kubernetes scheduler extender backed by Mesos offers",
		Long:          "extender runs beside a stock kube-scheduler and lets pods go only where cached\nMesos offers cover them; it reserves the matching offers when a pod is bound.",
		Args:          noArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return runDaemon(cmd, f) },
	}
	root.PersistentFlags().StringVar(&f.config, "config", defaultConfig, "path of the configuration file")
	root.Flags().StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	configCmd := &cobra.Command{
		Use: "config", Short: "Look at the configuration", Args: noArgs,
		// Without it cobra would print the help also for a command that is none.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	configCmd.AddCommand(&cobra.Command{
		Use:   "print",
		Short: "Check the configuration file, and the files that it names, and print it with every default",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return printConfig(cmd, f) },
	})
	root.AddCommand(configCmd, newReservationsCommand(&f), &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	})
	return root
}

func runDaemon(cmd *cobra.Command, f flags) error {
	log, err := newLogger(f.logLevel)
	if err != nil {
		return &usageError{err}
	}
	cfg, err := load(f.config)
	if err != nil {
		return err
	}
	log.Info("starting", zap.String("version", version()), zap.String("config", f.config))
	defer app.ReturnMemory(cmd.Context())()
	tuneCollector()
	err = app.Run(cmd.Context(), cfg, log)
	// A log that cannot be flushed at exit has nowhere to report to.
	defer func() { _ = log.Sync() }()
	if err != nil {
		log.Error("stopped", zap.Error(err))
		return &loggedError{err}
	}
	log.Info("stopped")
	return nil
}

func printConfig(cmd *cobra.Command, f flags) error {
	cfg, err := load(f.config)
	if err != nil {
		return err
	}
	out, err := cfg.Print()
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(out)
	return err
}

// newLogger writes JSON lines to standard error.
func newLogger(level string) (*zap.Logger, error) {
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	cfg := zap.NewProductionConfig()
	cfg.Level = zap.NewAtomicLevelAt(parsed)
	cfg.Sampling = nil // every decision is logged
	cfg.DisableStacktrace = true
	cfg.EncoderConfig.TimeKey = "time"
	cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return cfg.Build()
}

// version is what the Go toolchain stamped into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
