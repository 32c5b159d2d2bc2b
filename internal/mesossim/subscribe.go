package mesossim

import (
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// subscribe handles SUBSCRIBE on a new stream; what is wrong is said by an
// ERROR event, after which the stream ends.
func (m *master) subscribe(call *scheduler.Call_Subscribe, st *stream) {
	info := *call.FrameworkInfo
	id := info.ID.GetValue()
	if err := m.validateSubscription(&info, call.SuppressedRoles); err != nil {
		refuse(st, err.Error())
		return
	}
	known := m.frameworks[id]
	switch {
	case id == "":
		m.addFramework(newFramework(m.newFrameworkID(), info), call.SuppressedRoles, st)
	case known == nil:
		fw := newFramework(id, info)
		fw.reregistered = time.Now()
		m.joinKnown(fw)
		m.addFramework(fw, call.SuppressedRoles, st)
	default:
		info.User = known.info.User
		info.Checkpoint = known.info.Checkpoint
		if err := validateFrameworkUpdate(&known.info, &info); err != nil {
			refuse(st, err.Error())
			return
		}
		m.resubscribe(known, info, call.SuppressedRoles, st)
	}
}

func (m *master) validateSubscription(info *mesos.FrameworkInfo, suppressed []string) error {
	if err := validateFrameworkInfo(info); err != nil {
		return err
	}
	id := info.ID.GetValue()
	if id != "" && slices.ContainsFunc(m.completed, func(fw *framework) bool { return fw.id == id }) {
		return textf("Framework has been removed")
	}
	return validateSuppressed(rolesOf(info), suppressed)
}

func refuse(st *stream, message string) {
	st.send(errorEvent(message))
	st.end()
}

func (m *master) addFramework(fw *framework, suppressed []string, st *stream) {
	m.frameworks[fw.id] = fw
	fw.active = true
	for _, role := range fw.roles() {
		m.alloc.track(role, fw.id)
	}
	m.setSuppressed(fw, suppressed)
	m.connect(fw, st)
	m.allocateEverywhere()
}

// connect makes st the framework's stream and sends the first events.
func (m *master) connect(fw *framework, st *stream) {
	fw.stream = st
	fw.failover.cancel()
	interval := m.sim.options.HeartbeatInterval.Seconds()
	info := m.info
	m.send(fw, &scheduler.Event{
		Type: scheduler.Event_SUBSCRIBED,
		Subscribed: &scheduler.Event_Subscribed{
			FrameworkID:              &mesos.FrameworkID{Value: fw.id},
			HeartbeatIntervalSeconds: &interval,
			MasterInfo:               &info,
		},
	})
	m.heartbeat(fw, st)
}

func (m *master) heartbeat(fw *framework, st *stream) {
	if fw.stream != st {
		return
	}
	m.send(fw, &scheduler.Event{Type: scheduler.Event_HEARTBEAT})
	fw.heartbeat = m.after(m.sim.options.HeartbeatInterval, func() { m.heartbeat(fw, st) })
}

// resubscribe gives a known framework a new stream. Offers it holds vanish
// without RESCIND.
func (m *master) resubscribe(fw *framework, info mesos.FrameworkInfo, suppressed []string, st *stream) {
	m.updateFramework(fw, info, suppressed)
	fw.reregistered = time.Now()
	m.discardOffersOf(fw)
	if fw.stream != nil {
		refuse(fw.stream, "Framework failed over")
	}
	fw.heartbeat.cancel()
	wasActive := fw.active
	fw.active = true
	m.connect(fw, st)
	if !wasActive {
		m.allocateEverywhere()
	}
}

func (m *master) discardOffersOf(fw *framework) {
	for _, o := range offersInOrder(fw.offers) {
		m.removeOffer(o, nil, false)
	}
	for _, o := range inverseInOrder(fw.inverseOffers) {
		m.clearInverse(o)
		m.removeInverse(o, false)
	}
}

// updateFramework takes over a changed FrameworkInfo: offers of roles that are
// gone are rescinded.
func (m *master) updateFramework(fw *framework, info mesos.FrameworkInfo, suppressed []string) {
	old := fw.roles()
	fw.setInfo(info)
	for _, role := range fw.roles() {
		if !slices.Contains(old, role) {
			m.alloc.track(role, fw.id)
		}
	}
	for _, o := range offersInOrder(fw.offers) {
		if !fw.hasRole(o.role) {
			m.removeOffer(o, nil, true)
		}
	}
	for _, role := range old {
		if !fw.hasRole(role) {
			delete(fw.filters, role)
			m.alloc.untrack(role, fw.id)
		}
	}
	m.setSuppressed(fw, suppressed)
}

func (m *master) setSuppressed(fw *framework, roles []string) {
	clear(fw.suppressed)
	for _, role := range roles {
		fw.suppressed[role] = true
	}
}

// disconnected handles the loss of the framework's stream.
func (m *master) disconnected(fw *framework) {
	fw.stream = nil
	fw.heartbeat.cancel()
	m.deactivateFramework(fw)
	timeout := time.Duration(fw.info.GetFailoverTimeout() * float64(time.Second))
	fw.failover = m.after(timeout, func() { m.removeFramework(fw) })
}

func (m *master) deactivateFramework(fw *framework) {
	fw.active = false
	clear(fw.filters)
	clear(fw.inverse)
	m.discardOffersOf(fw)
}

// removeFramework ends a framework: TEARDOWN or failover timeout. Its
// reservations stay.
func (m *master) removeFramework(fw *framework) {
	m.deactivateFramework(fw)
	for _, t := range tasksInOrder(fw.tasks) {
		m.endTaskOfRemoved(fw, t)
	}
	for _, role := range m.alloc.rolesOf(fw.id) {
		m.alloc.untrack(role, fw.id)
	}
	if fw.stream != nil {
		fw.stream.end()
		fw.stream = nil
	}
	fw.heartbeat.cancel()
	fw.failover.cancel()
	fw.unregistered = time.Now()
	delete(m.frameworks, fw.id)
	m.completed = append(m.completed, fw)
}
