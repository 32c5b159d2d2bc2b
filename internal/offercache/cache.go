package offercache

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Key names what may be accepted together: offers of one agent that are
// allocated to one role (trap T4: Mesos refuses any other mix).
type Key struct{ AgentID, Role string }

// Cache is the live state. Writers take its mutex for microseconds and never
// do I/O under it; readers use Snapshot and take no lock at all. All methods
// are safe for concurrent use.
type Cache struct {
	clock clock.PassiveClock

	// snapshot is what readers see. It is replaced under mu, by every change
	// that a reader could notice.
	snapshot atomic.Pointer[Snapshot]

	// mu guards everything below.
	mu sync.Mutex
	// generation is the subscription that the offers belong to, 0 for none.
	generation uint64
	// crowd is how many agents the next generation is likely to have.
	crowd int
	// agents: agent ID → what is known of the agent. An entry lives as long as
	// one of its slots does.
	agents map[string]*agent
	// plans: agent ID → the maintenance that its latest offer told of. It
	// outlives the offer, because releases show agents without one.
	plans map[string]*resources.Maintenance
	// offers: offer ID → the offer in hand.
	offers map[string]*held
	// byAge is the ring of the offers in hand: next is the oldest, last the
	// newest.
	byAge held
	// holds: pod UID → the pod's only hold, waiting or departed.
	holds map[string]*hold
	// expecting holds the slots that have a remainder.
	expecting map[*slot]struct{}
	// departed counts the holds that have left.
	departed int
	// arrivals numbers holds in the order they came.
	arrivals uint64
	// dirty are the slots that changed since the last refresh.
	dirty []*slot
	// tombstones are offers rescinded before they were seen.
	tombstones tombstones
}

// agent is one agent's slots, and its latest offer for everything that is not
// an amount.
type agent struct {
	latest *resources.Offer
	slots  []*slot // one per role, few
}

// slot is the state of one Key.
type slot struct {
	key        Key
	offers     []*held     // in hand, in arrival order
	remainders []remainder // of departures, oldest first
	waiting    []*hold     // in arrival order
	claimed    resources.Vector
	releasing  []Release        // on its way out
	freeing    resources.Vector // what of it holds may count on
	view       RoleView         // the amounts, as readers see them; kept by refresh
	dirty      bool             // is in Cache.dirty
}

// held is one offer in hand.
type held struct {
	offer  *resources.Offer
	slot   *slot
	since  time.Time
	usable resources.Vector // of the offer; read only
	// Neighbours in Cache.byAge.
	last, next *held
}

// New returns an empty cache that belongs to no subscription: every offer is
// ignored until Reset names a generation.
func New(clk clock.PassiveClock) *Cache {
	c := &Cache{clock: clk, holds: make(map[string]*hold)}
	c.clear(0)
	return c
}

// Expect tells how many agents are likely to have offers after the next Reset. All
// come at once then, and maps that have to grow meanwhile take longer to fill
// than offers to read.
func (c *Cache) Expect(agents int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crowd = agents
}

// Reset drops every offer, tombstone and expected remainder and ties the cache
// to a generation (trap T1: the master discards old offers at a resubscribe
// without a RESCIND). Call it with the new generation when subscribed, and
// with 0 when disconnected. Holds stay: Doomed names those that wait, and a
// departed one is its owner's to settle.
func (c *Cache) Reset(generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear(generation)
	for _, h := range slices.SortedFunc(maps.Values(c.holds), byArrival) {
		if h.slot != nil {
			h.slot = c.ensure(h.key)
			h.slot.wait(h)
		}
	}
}

// clear makes the offers' side empty and publishes that.
func (c *Cache) clear(generation uint64) {
	c.generation = generation
	crowd := c.crowd
	if generation == 0 {
		crowd = 0 // nothing comes
	}
	c.agents = make(map[string]*agent, crowd)
	c.plans = make(map[string]*resources.Maintenance)
	c.offers = make(map[string]*held, crowd)
	c.byAge.last, c.byAge.next = &c.byAge, &c.byAge
	c.expecting = make(map[*slot]struct{})
	c.tombstones = tombstones{}
	c.snapshot.Store(newSnapshot(generation))
}

// slotOf returns the slot of key, nil if there is none.
func (c *Cache) slotOf(key Key) *slot {
	a := c.agents[key.AgentID]
	if a == nil {
		return nil
	}
	for _, s := range a.slots {
		if s.key.Role == key.Role {
			return s
		}
	}
	return nil
}

// ensure returns the slot of key and makes it if there is none.
func (c *Cache) ensure(key Key) *slot {
	if s := c.slotOf(key); s != nil {
		return s
	}
	a := c.agents[key.AgentID]
	if a == nil {
		// Nearly all agents have one slot: both are one allocation.
		both := &struct {
			agent
			slot
			slots [1]*slot
		}{}
		both.slot = slot{key: key, view: RoleView{Role: key.Role}}
		both.slots[0] = &both.slot
		both.agent.slots = both.slots[:]
		c.agents[key.AgentID] = &both.agent
		return &both.slot
	}
	s := &slot{key: key, view: RoleView{Role: key.Role}}
	a.slots = append(a.slots, s)
	return s
}
