package listing

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var rows = []Reservation{
	{
		Namespace: "default", Pod: "web-7", UID: "u1", State: Bound, ReservedAt: &madeAt, AgentID: "S1",
		Hostname: "host-1", Node: "node-1", Role: "kubernetes", Resources: "cpus:1.5;mem:64",
	},
	{UID: "u2", State: Unknown, AgentID: "S2", Role: "kubernetes", Resources: "cpus:1"},
}

func TestTable(t *testing.T) {
	tests := map[string]struct {
		rows []Reservation
		now  time.Time
		want string
	}{
		"rows": {rows, madeAt.Add(150 * time.Minute), "" +
			"POD            UID  STATE    AGE   ROLE        AGENT  HOSTNAME  NODE    RESOURCES\n" +
			"default/web-7  u1   bound    150m  kubernetes  S1     host-1    node-1  cpus:1.5;mem:64\n" +
			"-/-            u2   unknown  -     kubernetes  S2     -         -       cpus:1\n"},
		"a clock that is behind": {rows[:1], madeAt.Add(-time.Minute), "" +
			"POD            UID  STATE  AGE  ROLE        AGENT  HOSTNAME  NODE    RESOURCES\n" +
			"default/web-7  u1   bound  0s   kubernetes  S1     host-1    node-1  cpus:1.5;mem:64\n"},
		"none": {nil, madeAt, "POD  UID  STATE  AGE  ROLE  AGENT  HOSTNAME  NODE  RESOURCES\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Table(&out, tt.rows, tt.now); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, rows); err != nil {
		t.Fatal(err)
	}
	var got struct{ Reservations []Reservation }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, got.Reservations); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := JSON(&out, nil); err != nil || out.String() != "{\n  \"reservations\": []\n}\n" {
		t.Errorf("nothing is printed as %q, %v", out.String(), err)
	}
}
