package filter

import (
	"cmp"
	"math"
	"slices"
)

const (
	// maxZones bounds the zones that are told apart; all others count as one.
	maxZones = 64
	// sampled is the part of the candidates, 1/sampled, that is drawn without
	// regard to the score.
	sampled = 4
)

// Choice says how many nodes a verdict names, and which.
type Choice struct {
	Strategy Strategy
	// Candidates is the number of nodes to name at most; 0 names all that fit.
	Candidates int
	// Tolerant ranks nodes that are to be avoided like others.
	Tolerant bool
}

// among prepares to choose from so many nodes, for the pod of that UID.
func (c Choice) among(nodes int, podUID string) shortlist {
	l := shortlist{strategy: c.Strategy, limit: c.Candidates, shunned: avoided}
	if c.Candidates <= 0 || nodes <= c.Candidates {
		l.limit = 0
		return l
	}
	if c.Tolerant {
		l.shunned = 0
	}
	l.picks = max(1, c.Candidates/sampled)
	l.seed = fnv1a(podUID)
	return l
}

// shortlist gathers the nodes that fit, or as many of the best as a choice asks
// for. A scheduler that is given hundreds of nodes spends most of its time on
// decoding and scoring them, and nearly all would lose.
//
// The score is that of prioritize, so the strategy works over all nodes that
// fit and not only over those that are named. But the scheduler's own scores
// have a say too: spreading over zones and hosts, taints that it prefers to
// avoid, images that are there already. So zones take turns, and a part of the
// candidates is drawn by lot: whatever the best have in common, some do not.
type shortlist struct {
	strategy Strategy
	limit    int   // 0: all
	shunned  flags // places with any of them come last
	picks    int   // by lot, of each zone at most
	seed     uint64
	count    int   // nodes that fit
	all      []int // if there is no limit
	zones    []zone
	latest   int // in zones, of the last node: neighbours come together
}

// zone has the candidates of one zone.
type zone struct {
	hash      uint32
	best, lot top
}

// add counts nodes[i], which fits.
func (l *shortlist) add(p *pass, i int, at *Place) {
	l.count++
	if l.limit == 0 {
		l.all = append(l.all, i)
		return
	}
	lot := l.draw(at)
	z := l.zone(at.zone)
	// Most are not taken: to ask costs less than the calls of offer, a twentieth of
	// all that a node takes.
	if rank := l.rank(p, z, lot, at); z.best.takes(rank, l.limit) {
		z.best.offer(candidate{rank, i}, l.limit)
	}
	if z.lot.takes(lot, l.picks) {
		z.lot.offer(candidate{lot, i}, l.picks)
	}
}

// The bits of a rank, above those of the lot.
const (
	rankBoarding = 57
	rankCertain  = 58
	rankScore    = 59 // of four bits
	rankShunned  = 63
)

// rank orders the places of a zone: by whether they are shunned, by score, by
// whether what is free is in hand, by whether a hold waits there with which the
// pod's can leave (where pods are to be packed), and then by lot, or all pods
// would be sent to the nodes that come first.
func (l *shortlist) rank(p *pass, z *zone, lot uint64, at *Place) uint64 {
	if p.own(at) {
		return math.MaxUint64
	}
	promise := p.promise(at, l.strategy)
	rank := uint64(promise)<<rankScore | 1<<rankCertain | lot>>(64-rankBoarding)
	if at.flags&l.shunned == 0 {
		rank |= 1 << rankShunned
	}
	if at.flags&boarding != 0 && l.strategy != Spreading {
		rank |= 1 << rankBoarding
	}
	if z.best.takes(rank, l.limit) && !at.certain(&p.needs) { // see score
		rank -= uint64(promise-promise/unsure)<<rankScore | 1<<rankCertain
	}
	return rank
}

// draw returns a number that differs by pod and node: the last steps of
// MurmurHash3 spread the hashes of both.
func (l *shortlist) draw(at *Place) uint64 {
	h := l.seed ^ at.lot
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// zone returns where the places of a zone belong, by its hash. One whose zone is
// unknown belongs to the zone without a name.
func (l *shortlist) zone(hash uint32) *zone {
	if l.latest < len(l.zones) && l.zones[l.latest].hash == hash {
		return &l.zones[l.latest]
	}
	l.latest = slices.IndexFunc(l.zones, func(z zone) bool { return z.hash == hash })
	if l.latest < 0 && len(l.zones) == maxZones {
		l.latest = maxZones - 1
	}
	if l.latest < 0 {
		l.latest = len(l.zones)
		l.zones = append(l.zones, zone{hash: hash})
	}
	return &l.zones[l.latest]
}

// join adds what was chosen of the nodes that come next.
func (l *shortlist) join(next *shortlist) {
	l.count += next.count
	l.all = append(l.all, next.all...)
	for _, from := range next.zones {
		to := l.zone(from.hash)
		for _, c := range from.best {
			to.best.offer(c, l.limit)
		}
		for _, c := range from.lot {
			to.lot.offer(c, l.picks)
		}
	}
}

// chosen returns which nodes are named, in the order they came.
func (l *shortlist) chosen() []int {
	if l.limit == 0 {
		slices.Sort(l.all)
		return l.all
	}
	for i := range l.zones {
		l.zones[i].best.sort()
		l.zones[i].lot.sort()
	}
	slices.SortFunc(l.zones, func(a, b zone) int { return cmp.Compare(b.best[0].rank, a.best[0].rank) })
	best := func(z *zone) top { return z.best }
	taken := l.take(make([]int, 0, l.limit), l.limit-l.limit/sampled, best)
	taken = l.take(taken, l.limit, func(z *zone) top { return z.lot })
	taken = l.take(taken, l.limit, best) // the lot may have met the best
	slices.Sort(taken)
	return taken
}

// take adds candidates that are not taken yet, one of each zone in turn, until
// there are limit of them. They are few: nothing is faster than looking at all.
func (l *shortlist) take(taken []int, limit int, list func(*zone) top) []int {
	for turn, more := 0, true; more; turn++ {
		more = false
		for i := range l.zones {
			from := list(&l.zones[i])
			if turn >= len(from) {
				continue
			}
			if len(taken) == limit {
				return taken
			}
			if more = true; !slices.Contains(taken, from[turn].index) {
				taken = append(taken, from[turn].index)
			}
		}
	}
	return taken
}
