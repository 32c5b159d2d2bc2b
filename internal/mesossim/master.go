package mesossim

import (
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"go.uber.org/zap"
)

// capabilityQuotaV2 is newer than the generated protos.
const capabilityQuotaV2 = mesos.MasterInfo_Capability_Type(3)

// version is the version of Mesos that is emulated.
const version = "1.12.0"

// master is one run of the master process. All of it is guarded by Sim.mu; a
// master that was killed is simply dropped, and what was still queued for it
// does nothing.
type master struct {
	sim     *Sim
	flags   flags
	info    mesos.MasterInfo
	started time.Time
	ready   time.Time // before it calls are answered 503
	stopped bool
	failure string // message of the failed CHECK that stopped it

	frameworks map[string]*framework // ID → known framework, connected or not
	completed  []*framework          // oldest first
	agents     map[string]*agent     // ID → registered agent
	byHost     map[*host]*agent      // process → its registered agent
	agentOrder []*agent              // registered agents in order of registration
	recovered  map[string]*host      // ID → agent known from the registry, not yet back
	unreached  map[string]time.Time  // ID → when it became unreachable
	gone       map[string]time.Time  // ID → when an operator gave it up
	draining   map[string]*drain     // ID → state of DRAIN_AGENT
	inactive   map[string]bool       // ID → deactivated by an operator
	machines   map[machineID]*machine
	schedule   maintenance.Schedule
	offers     map[string]*offer        // ID → outstanding offer
	inverse    map[string]*inverseOffer // ID → outstanding inverse offer

	nextOffer, nextFramework, nextAgent int

	alloc    allocatorBooks
	counters Counters

	churnDue float64 // offers to be churned, of fractions of a period
	churnAt  int     // position in agentOrder
}

// newMaster starts the master process of s.
func newMaster(s *Sim, recovery time.Duration) *master {
	now := time.Now()
	m := &master{
		sim: s, flags: s.flags, started: now, ready: now.Add(recovery),
		frameworks: map[string]*framework{}, agents: map[string]*agent{}, byHost: map[*host]*agent{},
		recovered: map[string]*host{}, unreached: map[string]time.Time{}, gone: map[string]time.Time{},
		draining: map[string]*drain{}, inactive: map[string]bool{},
		machines: map[machineID]*machine{}, offers: map[string]*offer{}, inverse: map[string]*inverseOffer{},
		counters: Counters{Calls: map[string]int{}, Operations: map[string]int{}, Events: map[string]int{}},
	}
	m.info = masterInfo(s.addr, s.flags.domain)
	m.alloc.init()
	m.recoverRegistry()
	m.after(m.flags.allocationInterval, m.tick)
	if s.options.Churn > 0 {
		m.after(churnPeriod, m.churn)
	}
	return m
}

func masterInfo(addr string, domain *mesos.DomainInfo) mesos.MasterInfo {
	host, portText, _ := net.SplitHostPort(addr)
	var port int
	_, _ = fmt.Sscan(portText, &port)
	ip := net.ParseIP(host).To4()
	if ip == nil {
		ip = net.IPv4(127, 0, 0, 1).To4()
	}
	pid, release, port32 := "master@"+addr, version, uint32(port)
	text := ip.String()
	return mesos.MasterInfo{
		ID: uuid.NewString(),
		// The address is in network order in memory, read as a little-endian number.
		IP:       uint32(ip[0]) | uint32(ip[1])<<8 | uint32(ip[2])<<16 | uint32(ip[3])<<24,
		Port:     &port32,
		PID:      &pid,
		Hostname: &text,
		Version:  &release,
		Domain:   domain,
		Address:  &mesos.Address{Hostname: &text, IP: &text, Port: int32(port)},
		Capabilities: []mesos.MasterInfo_Capability{
			{Type: mesos.MasterInfo_Capability_AGENT_UPDATE},
			{Type: mesos.MasterInfo_Capability_AGENT_DRAINING},
			{Type: capabilityQuotaV2},
		},
	}
}

// after does do after d unless the master has stopped by then.
func (m *master) after(d time.Duration, do func()) *entry {
	return m.sim.queue.after(d, func() {
		if !m.stopped {
			do()
		}
	})
}

// check stops the master as a failed CHECK does: connections break, the port
// closes, and whoever started the emulator is told.
func (m *master) check(message string) {
	m.sim.log.Error("the master process dies of a failed check", zap.String("check", message))
	m.failure = message
	m.sim.stopMaster()
	m.sim.checkFailed(message)
}

func (m *master) newOfferID() mesos.OfferID {
	id := mesos.OfferID{Value: fmt.Sprintf("%s-O%d", m.info.ID, m.nextOffer)}
	m.nextOffer++
	return id
}

func (m *master) newFrameworkID() string {
	id := fmt.Sprintf("%s-%04d", m.info.ID, m.nextFramework)
	m.nextFramework++
	return id
}

func (m *master) newAgentID() string {
	id := fmt.Sprintf("%s-S%d", m.info.ID, m.nextAgent)
	m.nextAgent++
	return id
}

// timeInfo is t in the wire format, nil for the zero time.
func timeInfo(t time.Time) *mesos.TimeInfo {
	if t.IsZero() {
		return nil
	}
	return &mesos.TimeInfo{Nanoseconds: t.UnixNano()}
}

// seconds is a floating point number of seconds as used in messages.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
