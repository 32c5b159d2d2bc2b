package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/app"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/listing"
)

// Forms of output.
const (
	asTable = "table"
	asJSON  = "json"
)

func newReservationsCommand(f *flags) *cobra.Command {
	var orphans bool
	var output string
	cmd := &cobra.Command{
		Use:   "reservations",
		Short: "List the reservations in Mesos with their pods",
		Long: "reservations lists every reservation that carries the configured cluster's label, as\n" +
			"the Mesos master and the kube-apiserver have it now. It needs no running daemon and\n" +
			"changes nothing. It exits with 1 if anything could not be read.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != asTable && output != asJSON {
				return &usageError{fmt.Errorf("--output: %q is neither %s nor %s", output, asTable, asJSON)}
			}
			return printReservations(cmd, f.config, orphans, output)
		},
	}
	cmd.Flags().BoolVar(&orphans, "orphans", false, "only those with no live pod")
	cmd.Flags().StringVarP(&output, "output", "o", asTable, asTable+" or "+asJSON)
	return cmd
}

// printReservations prints what could be read also when something could not.
func printReservations(cmd *cobra.Command, path string, orphans bool, output string) error {
	log, err := newLogger("error")
	if err != nil {
		return err
	}
	cfg, err := load(path)
	if err != nil {
		return err
	}
	rows, failed := app.Reservations(cmd.Context(), cfg, log)
	if failed != nil && len(rows) == 0 {
		return failed
	}
	if orphans {
		rows = listing.Orphans(rows)
	}
	if output == asJSON {
		err = listing.JSON(cmd.OutOrStdout(), rows)
	} else {
		err = listing.Table(cmd.OutOrStdout(), rows, time.Now())
	}
	if failed != nil {
		return failed
	}
	return err
}
