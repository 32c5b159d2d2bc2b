package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	// maxInverse bounds the inverse offers that wait for an answer. One that
	// finds no room stays unanswered, which the operator sees as such.
	maxInverse = 1000
	// inverseRefuse is after which time Mesos asks again, while pods of ours are
	// still there or because some may have come.
	inverseRefuse = 30 * time.Second
)

// inverse is an inverse offer and the subscription it belongs to.
type inverse struct {
	mesos.InverseOffer
	generation uint64
}

// InverseOffer asks for resources that only the pods' owners can free. It is
// queued for answerInverse.
func (e mesosEvents) InverseOffer(generation uint64, offer mesos.InverseOffer) {
	defer e.timed("inverse_offer")()
	select {
	case e.inverse <- inverse{offer, generation}:
	default:
		e.log.Warn("inverse offer not answered, too many wait", zap.String(logkeys.AgentID, offer.AgentID))
	}
}

// RescindInverseOffer needs nothing: an answer that is late does no harm.
func (e mesosEvents) RescindInverseOffer(uint64, string) {}

// answerInverse answers inverse offers: accepted means that nothing of ours
// holds the agent, declined that pods are still on it. Neither changes a
// reservation.
func (a *App) answerInverse(ctx context.Context) error {
	told := map[string]plan{}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case offer := <-a.inverse:
			now := plan{offer.Maintenance.Start, a.answer(ctx, offer)}
			if told[offer.AgentID] == now {
				continue
			}
			if len(told) >= maxInverse {
				clear(told) // of agents long gone
			}
			told[offer.AgentID] = now
			a.log.Info("maintenance is planned for an agent", zap.String(logkeys.AgentID, offer.AgentID),
				zap.Time("start", now.start), zap.Int(logkeys.Count, now.pods))
		}
	}
}

// plan is what the log tells of an agent's maintenance, when it changes: Mesos
// asks again and again.
type plan struct {
	start time.Time
	pods  int // of ours that are on the agent
}

// answer answers one inverse offer and returns how many pods are on the agent.
func (a *App) answer(ctx context.Context, offer inverse) int {
	pods := 0
	for _, role := range a.cfg.Mesos.Roles {
		pods += len(a.reservations.On(offer.AgentID, role))
	}
	send := a.master.AcceptInverse
	if pods > 0 {
		send = a.master.DeclineInverse
	}
	if err := send(ctx, offer.generation, []string{offer.ID}, inverseRefuse); err != nil {
		a.log.Warn("inverse offer not answered, Mesos will ask again", zap.String(logkeys.AgentID, offer.AgentID), zap.Error(err))
	}
	return pods
}

// maintained returns the reason for which an agent takes no pods because the
// maintenance of its machine is near or under way, empty if it is not. Mesos
// itself takes the plan back when the maintenance ends.
func maintained(plan *resources.Maintenance, now time.Time, lead time.Duration) filter.Reason {
	if plan == nil || now.Before(plan.Start.Add(-lead)) {
		return ""
	}
	return filter.AgentMaintenance
}
