package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/listing"
)

// listed runs "extender reservations" with args and returns pod name → row.
func listed(ctx context.Context, h *harness.Harness, args ...string) (map[string]listing.Reservation, error) {
	output, err := h.Extender(ctx, append([]string{"reservations", "-o", "json"}, args...)...)
	if err != nil {
		return nil, err
	}
	var got struct{ Reservations []listing.Reservation }
	if err := json.Unmarshal(output, &got); err != nil {
		return nil, fmt.Errorf("%q: %w", output, err)
	}
	rows := map[string]listing.Reservation{}
	for _, row := range got.Reservations {
		rows[row.Pod] = row
	}
	return rows, nil
}

// TestReservationsCommand lists reservations with the rights of the shipped
// RBAC rules, and finds orphans while no daemon runs that could release them.
func TestReservationsCommand(t *testing.T) {
	h := start(t, harness.Options{Agents: 2})
	must(t, h.CreatePods(t.Context(), harness.Pod("stays", "1", "256Mi"), harness.Pod("goes", "500m", "100Mi")))
	for _, name := range []string{"stays", "goes"} {
		pod, err := h.AwaitBound(t.Context(), name, patience)
		must(t, err)
		rows, err := listed(t.Context(), h)
		must(t, err)
		row := rows[name]
		if row.State != listing.Bound || row.Node != pod.Spec.NodeName || row.Hostname != row.Node ||
			row.UID != string(pod.UID) || row.ReservedAt == nil || row.ReservedAt.Before(pod.CreationTimestamp.Time) {
			t.Errorf("reservation of %s is listed as %+v", name, row)
		}
	}
	h.KillDaemon(0)
	must(t, h.DeletePods(t.Context(), ""))
	must(t, h.CreatePods(t.Context(), harness.Pod("stays", "1", "256Mi"))) // under another UID
	await(t, patience, "the orphans", func(ctx context.Context) error {
		rows, err := listed(ctx, h, "--orphans")
		if err != nil || len(rows) != 2 {
			return errors.Join(fmt.Errorf("orphans are %+v", rows), err)
		}
		return nil
	})
	table, err := h.Extender(t.Context(), "reservations", "--orphans")
	must(t, err)
	t.Logf("\n%s", table)
	if lines := strings.Split(strings.TrimSpace(string(table)), "\n"); len(lines) != 3 || !strings.Contains(lines[1], "default/goes") {
		t.Errorf("the table is\n%s", table)
	}
	must(t, h.KillMaster())
	if rows, err := listed(t.Context(), h, "--orphans"); err == nil {
		t.Errorf("without a master the orphans are %+v", rows)
	}
}
