package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
)

const (
	// patience bounds each step on a busy machine.
	patience = 30 * time.Second
	// moments bound what must not depend on kube-scheduler's own retries, which
	// come after minutes.
	moments = 10 * time.Second
)

// story is what the steps share.
type story struct {
	*harness.Harness
	*teller
	times     *harness.BindingTimes
	neighbour *neighbour.Neighbour
	taken     []masterapi.Agent // by the neighbour
	free      []masterapi.Agent
	pods      int // made so far
}

// play plays the story and stops at the first step that does not happen.
func play(ctx context.Context, h *harness.Harness, t *teller) error {
	times, err := harness.WatchBindings(ctx, h.Client)
	if err != nil {
		return err
	}
	defer times.Stop()
	s := &story{Harness: h, teller: t, times: times}
	defer s.close()
	for _, step := range []func(context.Context) error{
		s.neighbourTakes, s.batchIsBound, s.largePodWaits, s.neighbourLetsGo, s.podsGo,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close leaves nothing of the story behind in Mesos, also when it broke off.
func (s *story) close() {
	if s.neighbour == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), moments)
	defer cancel()
	_ = s.neighbour.Leave(ctx) // best effort: nothing else can be done at the end
}

// neighbourTakes lets a framework of another role reserve half of the agents,
// the larger ones.
func (s *story) neighbourTakes(ctx context.Context) error {
	s.heading("1. A neighbour has reserved some agents")
	agents, err := s.Mesos.Agents(ctx)
	if err != nil {
		return err
	}
	if len(agents) < 2 {
		return fmt.Errorf("the story needs two agents or more, the master has %d", len(agents))
	}
	slices.SortFunc(agents, func(a, b masterapi.Agent) int {
		return cmp.Or(cmp.Compare(b.Total["cpus"], a.Total["cpus"]), cmp.Compare(a.Hostname, b.Hostname), cmp.Compare(a.ID, b.ID))
	})
	s.taken, s.free = agents[:len(agents)/2], agents[len(agents)/2:]
	wanted := map[string]bool{}
	for _, agent := range s.taken {
		wanted[agent.ID] = true
	}
	began := time.Now()
	s.neighbour, err = neighbour.Start(ctx, neighbour.Options{
		Master: s.MasterURL(), Name: "neighbour", Role: "spark",
		Policy: neighbour.Take(func(agent neighbour.Agent) bool { return wanted[agent.ID] }),
	})
	if err != nil {
		return err
	}
	err = harness.Await(ctx, patience, "the neighbour's reservations", func(context.Context) error {
		if count := s.neighbour.Reserved(); count < len(s.taken) {
			return errors.Join(fmt.Errorf("%d of %d agents", count, len(s.taken)), s.neighbour.Problem())
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.agentTable()
	s.line("\n  The neighbour had its agents after %s.", took(began))
	return nil
}

func (s *story) agentTable() {
	var rows [][]string
	for _, group := range []struct {
		holder string
		agents []masterapi.Agent
	}{{"neighbour (role spark)", s.taken}, {"-", s.free}} {
		for _, agent := range group.agents {
			rows = append(rows, []string{s.NodeName(agent.ID), agent.ID, amount(agent.Total, "cpus"), amount(agent.Total, "mem"), group.holder})
		}
	}
	s.table([]string{"NODE", "AGENT", "CPUS", "MEM MiB", "RESERVED BY"}, rows)
}

func amount(s masterapi.Scalars, name string) string { return fmt.Sprintf("%g", s.Value(name)) }
