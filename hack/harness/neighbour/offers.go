package neighbour

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

// defaultRefuse is Mesos' own default.
const defaultRefuse = 5 * time.Second

// offered decides about a new offer. The caller holds mu.
func (n *Neighbour) offered(ctx context.Context, timers *sync.WaitGroup, o offer) error {
	reserved, unreserved := o.reserved()
	if n.letGo {
		return n.giveBack(ctx, o)
	}
	if len(reserved) > 0 {
		n.reserved[o.AgentID.Value] = true
		n.held[o.ID.Value] = o
		return nil
	}
	answer := n.options.Policy(Agent{o.AgentID.Value, o.Hostname})
	switch {
	case answer.Reserve && len(unreserved) > 0:
		return n.operate(ctx, o, "RESERVE", n.layered(unreserved), 0)
	case answer.Hold:
		n.held[o.ID.Value] = o
		if answer.For > 0 {
			timers.Go(func() { n.declineLater(ctx, o, answer) })
		}
		return nil
	}
	return n.decline(ctx, o, cmp.Or(answer.Refuse, defaultRefuse))
}

// declineLater ends a hold, unless the offer has gone by then.
func (n *Neighbour) declineLater(ctx context.Context, o offer, answer Answer) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(answer.For):
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, held := n.held[o.ID.Value]; !held {
		return
	}
	delete(n.held, o.ID.Value)
	if err := n.decline(ctx, o, cmp.Or(answer.Refuse, defaultRefuse)); err != nil {
		n.problem = err
	}
}

// LetGo unreserves and declines everything, for good: what is offered from now
// on goes back as well.
func (n *Neighbour) LetGo(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.letGo = true
	for key, o := range n.held {
		if err := n.giveBack(ctx, o); err != nil {
			return err
		}
		delete(n.held, key)
	}
	return nil
}

// giveBack returns an offer, unreserving what is reserved in it. The caller
// holds mu.
func (n *Neighbour) giveBack(ctx context.Context, o offer) error {
	reserved, _ := o.reserved()
	if len(reserved) == 0 {
		return n.decline(ctx, o, long)
	}
	delete(n.reserved, o.AgentID.Value)
	return n.operate(ctx, o, "UNRESERVE", reserved, long)
}

// Leave lets go, waits until nothing is reserved, and ends the framework.
func (n *Neighbour) Leave(ctx context.Context) error {
	defer n.Stop()
	if err := n.LetGo(ctx); err != nil {
		return err
	}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for n.Reserved() > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d agents are still reserved by %s: %w", n.Reserved(), n.options.Name, ctx.Err())
		case <-ticker.C:
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.send(ctx, object{"type": "TEARDOWN"})
}

// operate accepts an offer with one operation.
func (n *Neighbour) operate(ctx context.Context, o offer, kind string, resources []object, refuse time.Duration) error {
	part := map[string]string{"RESERVE": "reserve", "UNRESERVE": "unreserve"}[kind]
	return n.send(ctx, object{"type": "ACCEPT", "accept": object{
		"offer_ids":  []id{o.ID},
		"operations": []object{{"type": kind, part: object{"resources": resources}}},
		"filters":    object{"refuse_seconds": refuse.Seconds()},
	}})
}

func (n *Neighbour) decline(ctx context.Context, o offer, refuse time.Duration) error {
	return n.send(ctx, object{"type": "DECLINE", "decline": object{
		"offer_ids": []id{o.ID}, "filters": object{"refuse_seconds": refuse.Seconds()},
	}})
}

// layered puts the neighbour's reservation on unreserved resources.
func (n *Neighbour) layered(unreserved []object) []object {
	label := object{"key": "neighbour", "value": n.options.Name}
	layer := object{"type": "DYNAMIC", "role": n.options.Role, "labels": object{"labels": []object{label}}}
	out := make([]object, len(unreserved))
	for i, resource := range unreserved {
		out[i] = object{"reservations": []object{layer}}
		for key, value := range resource {
			if key != "reservations" {
				out[i][key] = value
			}
		}
	}
	return out
}
