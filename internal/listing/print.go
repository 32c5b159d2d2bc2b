package listing

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// none stands for what a row does not have.
const none = "-"

// Table prints the rows for people, with their age at now.
func Table(out io.Writer, rows []Reservation, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	// A failed write to the table shows in Flush.
	_, _ = fmt.Fprintln(table, "POD\tUID\tSTATE\tAGE\tROLE\tAGENT\tHOSTNAME\tNODE\tRESOURCES")
	for _, row := range rows {
		age := none
		if row.ReservedAt != nil {
			age = duration.HumanDuration(max(now.Sub(*row.ReservedAt), 0))
		}
		_, _ = fmt.Fprintf(table, "%s/%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			cmp.Or(row.Namespace, none), cmp.Or(row.Pod, none), row.UID, row.State, age,
			row.Role, row.AgentID, cmp.Or(row.Hostname, none), cmp.Or(row.Node, none), row.Resources)
	}
	return table.Flush()
}

// JSON prints the rows for programs: an object with the list "reservations".
func JSON(out io.Writer, rows []Reservation) error {
	if rows == nil {
		rows = []Reservation{}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string][]Reservation{"reservations": rows})
}
