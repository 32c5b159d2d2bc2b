package filter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// world is a random view with a request and nodes.
type world struct {
	offers    offers
	mapping   mapping
	occupants occupants
	request   Request
	nodes     []string
}

func (w world) view() View {
	return View{Offers: w.offers, Nodes: w.mapping, Occupants: w.occupants}
}

func randomVector(r *rand.Rand) resources.Vector {
	v := vector(float64(r.IntN(8))/2, float64(r.IntN(4)*256))
	if r.IntN(3) == 0 {
		begin := uint64(31000 + r.IntN(5))
		v = v.Add(ports(begin, begin+uint64(r.IntN(3))))
	}
	return v
}

func randomWorld(r *rand.Rand) world {
	w := world{offers: offers{}, mapping: mapping{}, occupants: occupants{}}
	w.request = Request{PodUID: "p0", Role: role, Priority: int32(r.IntN(4)), Need: randomVector(r)}
	for i := range r.IntN(12) {
		node, agent := fmt.Sprintf("n%d", i), fmt.Sprintf("a%d", i)
		w.nodes = append(w.nodes, node)
		if r.IntN(4) > 0 {
			w.offers[agent] = randomVector(r)
		}
		if r.IntN(6) == 0 {
			w.mapping[node] = []Reason{NoAgent, AmbiguousAgent}[r.IntN(2)]
		}
		for range r.IntN(3) {
			uid := fmt.Sprintf("p%d", r.IntN(20))
			w.occupants[agent] = append(w.occupants[agent], Occupant{UID: uid, Priority: int32(r.IntN(4)), Reserved: randomVector(r)})
		}
	}
	return w
}

func TestFilterAnswersForEveryNode(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]int{}
	for range 5000 {
		w := randomWorld(r)
		verdict := Filter(w.view(), w.request, NamesOf(w.nodes...), Choice{})
		if verdict.Fitting != len(verdict.Fits) || verdict.Fitting+verdict.Refused() != len(w.nodes) {
			t.Fatalf("of %d nodes, the verdict is %+v", len(w.nodes), verdict)
		}
		for _, node := range verdict.Fits {
			kinds["fits"]++
			requireRoom(t, w, node)
		}
		for _, node := range w.nodes {
			offered := w.offers["a"+node[1:]]
			roomy := w.mapping[node] == "" && !offered.IsZero() && offered.Covers(w.request.Need)
			if roomy && !slices.Contains(verdict.Fits, node) {
				t.Fatalf("node %s does not fit %s with %s free", node, w.request.Need, offered)
			}
		}
		if verdict.Fitting > 0 {
			if len(verdict.Unresolvable) > 0 {
				t.Fatalf("refused nodes are named although one fits: %+v", verdict)
			}
			continue
		}
		for i, why := range verdict.Unresolvable {
			kinds["unresolvable"]++
			if why == "" {
				t.Fatalf("node %s is refused without a reason", w.nodes[i])
			}
		}
		if len(verdict.Unresolvable) != len(w.nodes) {
			t.Fatalf("%d reasons for %d nodes", len(verdict.Unresolvable), len(w.nodes))
		}
	}
	for _, kind := range []string{"fits", "unresolvable"} {
		if kinds[kind] < 100 {
			t.Errorf("only %d nodes were %s: the worlds prove nothing", kinds[kind], kind)
		}
	}
}

// requireRoom checks a fitting node against vectors added up the plain way.
func requireRoom(t *testing.T, w world, node string) {
	t.Helper()
	agent := "a" + node[1:]
	var own resources.Vector
	for _, o := range w.occupants[agent] {
		if o.UID == w.request.PodUID {
			own = own.Add(o.Reserved)
		}
	}
	if w.mapping[node] != "" || (!w.offers[agent].Covers(w.request.Need) && !own.Covers(w.request.Need)) {
		t.Fatalf("node %s fits %s with %s free and %s of its own", node, w.request.Need, w.offers[agent], own)
	}
}

func TestScoreStaysInRange(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[int64]bool{}
	for i := range 5000 {
		w := randomWorld(r)
		strategy := []Strategy{BinPacking, Spreading}[i%2]
		scores := Score(w.view(), w.request, NamesOf(w.nodes...), strategy)
		if len(scores) != len(w.nodes) {
			t.Fatalf("%d scores for %d nodes", len(scores), len(w.nodes))
		}
		for _, score := range scores {
			if score < 0 || score > MaxScore {
				t.Fatalf("score %d of %+v", score, w)
			}
			seen[score] = true
		}
	}
	if len(seen) < 5 {
		t.Errorf("only the scores %v were seen: the worlds prove nothing", seen)
	}
}
