package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
)

func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag": {"-twice"},
		"an argument":     {"http://127.0.0.1:5050"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			if code := run(t.Context(), args, &out, &errs); code != exitUsage {
				t.Errorf("exit code %d, want %d; output %s", code, exitUsage, out.String())
			}
		})
	}
}

// TestShares checks the story's arithmetic: the batch fills the free agents so
// that the large pod fits on none of them, and it fits on any empty one.
func TestShares(t *testing.T) {
	agent := func(cpus, mem int64) masterapi.Agent {
		return masterapi.Agent{Total: masterapi.Scalars{"cpus": cpus * 1000, "mem": mem * 1000}}
	}
	tests := []struct {
		name        string
		taken, free []masterapi.Agent
		pods        int
	}{
		{"all alike", []masterapi.Agent{agent(8, 16384)}, []masterapi.Agent{agent(8, 16384), agent(8, 16384)}, 4},
		{"smaller ones free", []masterapi.Agent{agent(16, 16384)}, []masterapi.Agent{agent(4, 4096)}, 2},
		{"larger ones free", []masterapi.Agent{agent(4, 4096)}, []masterapi.Agent{agent(16, 16384)}, 10},
		{"little memory", []masterapi.Agent{agent(8, 4096)}, []masterapi.Agent{agent(16, 4096)}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &story{taken: test.taken, free: test.free}
			batch := s.batch()
			if len(batch) != test.pods {
				t.Errorf("%d pods, want %d", len(batch), test.pods)
			}
			smallCPU, smallMem := s.smallest(smallShare)
			largeCPU, largeMem := s.smallest(largeShare)
			for _, free := range test.free {
				fit := min(free.Total["cpus"]/smallCPU, free.Total["mem"]/1000/smallMem)
				if free.Total["cpus"]-fit*smallCPU >= largeCPU && free.Total["mem"]/1000-fit*smallMem >= largeMem {
					t.Errorf("the large pod still fits beside %d of the batch on %v", fit, free.Total)
				}
			}
			for _, taken := range test.taken {
				if taken.Total["cpus"] < largeCPU || taken.Total["mem"]/1000 < largeMem {
					t.Errorf("the large pod never fits on %v", taken.Total)
				}
			}
		})
	}
}

func TestTeller(t *testing.T) {
	var out strings.Builder
	told := teller{&out}
	told.heading("%d. Part", 1)
	told.table([]string{"A", "LONGER"}, [][]string{{"wide cell", "1"}, {"x", "2"}})
	told.line("done in %s, then %s", short(9999*time.Millisecond), short(12345*time.Millisecond))
	want := "\n1. Part\n=======\n" +
		"  A           LONGER\n  wide cell   1\n  x           2\n" +
		"done in 9999 ms, then 12.3 s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
