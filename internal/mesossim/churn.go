package mesossim

import "time"

// churnPeriod is the time between two rounds of churn.
const churnPeriod = 10 * time.Millisecond

// churn takes offers back and makes them anew at once, agent after agent, at
// the rate of Options.Churn: a large cluster in which many frameworks come and
// go looks like that to each of them.
func (m *master) churn() {
	m.after(churnPeriod, m.churn)
	m.churnDue += m.sim.options.Churn * churnPeriod.Seconds()
	for looked := 0; m.churnDue >= 1 && looked < len(m.agentOrder); looked++ {
		m.churnAt = (m.churnAt + 1) % len(m.agentOrder)
		ag := m.agentOrder[m.churnAt]
		for _, o := range offersInOrder(ag.offers) {
			m.removeOffer(o, nil, true)
			m.allocateSoon(ag)
			m.churnDue--
		}
	}
	// A master that was busy catches up, but not for ever.
	m.churnDue = min(m.churnDue, m.sim.options.Churn)
}
