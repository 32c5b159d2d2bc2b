package filter

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// zoned offers the same, in zones by agent ID.
type zoned struct {
	offers
	zones map[string]string
}

func (z zoned) Agent(agentID string) (*offercache.AgentView, bool) {
	view, ok := z.offers.Agent(agentID)
	if ok {
		view.Region, view.Zone = "r", z.zones[agentID]
	}
	return view, ok
}

// cluster has n nodes, of which each fits and zone says the zone.
func cluster(n int, zone func(int) string) (zoned, []string) {
	z, nodes := zoned{offers{}, map[string]string{}}, make([]string, n)
	for i := range n {
		nodes[i] = fmt.Sprintf("n%d", i)
		agent := fmt.Sprintf("a%d", i)
		z.offers[agent], z.zones[agent] = vector(8, 8192), zone(i)
	}
	return z, nodes
}

func oneZone(int) string { return "" }

func TestCandidatesAreBounded(t *testing.T) {
	z, nodes := cluster(100, oneZone)
	for candidates, want := range map[int]int{0: 100, 1: 1, 2: 2, 3: 3, 16: 16, 99: 99, 100: 100, 1000: 100} {
		verdict := Filter(View{Offers: z, Nodes: mapping{}}, pod, NamesOf(nodes...), Choice{Candidates: candidates})
		if len(verdict.Fits) != want || verdict.Fitting != 100 {
			t.Errorf("%d of %d are named, want %d of 100", len(verdict.Fits), verdict.Fitting, want)
		}
	}
}

func TestCandidatesAreTheBest(t *testing.T) {
	for _, strategy := range []Strategy{BinPacking, Spreading} {
		t.Run(string(strategy), func(t *testing.T) {
			z, nodes := cluster(200, oneZone)
			for i := range 9 { // the fullest, or the emptiest, of all
				z.offers[fmt.Sprintf("a%d", 20*i)] = map[Strategy]resources.Vector{
					BinPacking: vector(2, 512), Spreading: vector(80, 81920),
				}[strategy]
			}
			view := View{Offers: z, Nodes: mapping{}}
			verdict := Filter(view, pod, NamesOf(nodes...), Choice{Strategy: strategy, Candidates: 12})
			for i := range 9 {
				if node := fmt.Sprintf("n%d", 20*i); !slices.Contains(verdict.Fits, node) {
					t.Errorf("%s is not among %v", node, verdict.Fits)
				}
			}
		})
	}
}

func TestCandidatesAreOfEveryZone(t *testing.T) {
	tests := []struct {
		name string
		zone func(int) string
		want map[string]int // candidates in the zone, at least
	}{
		{"even zones", func(i int) string { return string("abcd"[i%4]) }, map[string]int{"a": 3, "b": 3, "c": 3, "d": 3}},
		{"a zone of one node", func(i int) string { return string("ba"[min(i, 1)]) }, map[string]int{"a": 11, "b": 1}},
		{"without zones", oneZone, map[string]int{"": 16}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, nodes := cluster(400, tt.zone)
			z.offers["a399"] = vector(2, 512) // by the score alone its zone would win
			verdict := Filter(View{Offers: z, Nodes: mapping{}}, pod, NamesOf(nodes...), Choice{Candidates: 16})
			got := map[string]int{}
			for _, node := range verdict.Fits {
				got[z.zones["a"+node[1:]]]++
			}
			for zone, least := range tt.want {
				if got[zone] < least {
					t.Errorf("zone %q has %d of %v, want %d", zone, got[zone], got, least)
				}
			}
			if len(verdict.Fits) != 16 {
				t.Errorf("%d candidates", len(verdict.Fits))
			}
		})
	}
}

// More zones than candidates, and than are told apart.
func TestCandidatesOfManyZones(t *testing.T) {
	z, nodes := cluster(300, func(i int) string { return fmt.Sprint(i) })
	verdict := Filter(View{Offers: z, Nodes: mapping{}}, pod, NamesOf(nodes...), Choice{Candidates: 16})
	if len(verdict.Fits) != 16 {
		t.Errorf("%d candidates", len(verdict.Fits))
	}
}

// Pods that come at the same time are not all sent to the same few nodes.
func TestCandidatesDifferByPod(t *testing.T) {
	z, nodes := cluster(1000, oneZone)
	view, seen := View{Offers: z, Nodes: mapping{}}, map[string]int{}
	for i := range 200 {
		request := changed(func(r *Request) { r.PodUID = fmt.Sprintf("pod-%d", i) })
		first := Filter(view, request, NamesOf(nodes...), Choice{Candidates: 16}).Fits
		if diff := gocmp.Diff(first, Filter(view, request, NamesOf(nodes...), Choice{Candidates: 16}).Fits); diff != "" {
			t.Fatalf("the same pod is told otherwise:\n%s", diff)
		}
		for _, node := range first {
			seen[node]++
		}
	}
	// 200 pods × 16 of 1,000 nodes: 3.2 per node, and 4 % of the nodes never.
	often := slices.MaxFunc(nodes, func(a, b string) int { return cmp.Compare(seen[a], seen[b]) })
	if len(seen) < 900 || seen[often] > 15 {
		t.Errorf("%d nodes are candidates, %s %d times", len(seen), often, seen[often])
	}
}

func TestCandidatesHaveSomeByLot(t *testing.T) {
	z, nodes := cluster(1000, oneZone)
	for i := range 500 {
		z.offers[fmt.Sprintf("a%d", i)] = vector(2, 512) // full with this pod
	}
	verdict := Filter(View{Offers: z, Nodes: mapping{}}, pod, NamesOf(nodes...), Choice{Candidates: 64})
	worse := 0
	for _, node := range verdict.Fits {
		if z.offers["a"+node[1:]].Get(resources.CPUs) > 2000 {
			worse++
		}
	}
	if worse < 2 || worse > 16 {
		t.Errorf("%d of the candidates are not among the best, want about 8", worse)
	}
}

// Nodes that are to be avoided are named where there are no others, and to a pod
// that does not mind.
func TestCandidatesAreNotToBeAvoided(t *testing.T) {
	z, nodes := cluster(40, func(i int) string { return string("ab"[i%2]) })
	for i := range 10 { // by the score alone they would win
		z.offers[fmt.Sprintf("a%d", i)] = vector(2, 512)
	}
	view := View{Offers: z, Nodes: shunning{mapping{}, nodes[:10]}}
	for _, tt := range []struct {
		name         string
		nodes        []string
		choice       Choice
		least, worst int // named of those to be avoided
	}{
		{"the best alone", nodes, Choice{Candidates: 1}, 0, 0},
		{"few, of which some are drawn by lot", nodes, Choice{Candidates: 16}, 0, 4},
		{"no others", nodes[:10], Choice{Candidates: 4}, 4, 4},
		{"a tolerant pod", nodes, Choice{Candidates: 1, Tolerant: true}, 1, 1},
		{"all", nodes, Choice{}, 10, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			named := 0
			for _, node := range Filter(view, pod, NamesOf(tt.nodes...), tt.choice).Fits {
				if slices.Contains(nodes[:10], node) {
					named++
				}
			}
			if named < tt.least || named > tt.worst {
				t.Errorf("%d nodes that are to be avoided are named, want %d to %d", named, tt.least, tt.worst)
			}
		})
	}
}

func TestOwnReservationIsACandidate(t *testing.T) {
	z, nodes := cluster(500, func(i int) string { return fmt.Sprint(i % 100) })
	delete(z.offers, "a77") // the reservation has used it up
	own := occupants{"a77": {{UID: pod.PodUID, Reserved: pod.Need}}}
	for _, strategy := range []Strategy{BinPacking, Spreading} {
		for _, candidates := range []int{1, 4, 16} {
			view := View{Offers: z, Nodes: mapping{}, Occupants: own}
			verdict := Filter(view, pod, NamesOf(nodes...), Choice{Strategy: strategy, Candidates: candidates})
			if !slices.Contains(verdict.Fits, "n77") {
				t.Errorf("%s: the pod's own place is not among %v", strategy, verdict.Fits)
			}
		}
	}
}

// Whatever is asked for, candidates are nodes that fit, in the order they came,
// and as many as there can be.
func TestCandidatesAreASubsetOfWhatFits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	fewer := 0
	for range 5000 {
		w := randomWorld(r)
		view := w.view()
		view.Offers = zoned{w.offers, map[string]string{"a1": "x", "a2": "x", "a5": "y"}}
		all := Filter(view, w.request, NamesOf(w.nodes...), Choice{})
		limit := 1 + r.IntN(8)
		few := Filter(view, w.request, NamesOf(w.nodes...), Choice{Candidates: limit})
		at := -1
		for _, node := range few.Fits {
			next := slices.Index(all.Fits, node)
			if next <= at {
				t.Fatalf("%v are not in the order of %v", few.Fits, all.Fits)
			}
			at = next
		}
		if len(few.Fits) != min(limit, len(all.Fits)) {
			t.Fatalf("%d of %v: %v", limit, all.Fits, few.Fits)
		}
		fewer += all.Fitting - len(few.Fits)
		all.Fits, few.Fits = nil, nil
		if diff := gocmp.Diff(all, few, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the rest of the verdict differs (-all +few):\n%s", diff)
		}
	}
	if fewer < 300 {
		t.Errorf("only %d nodes were left out: the worlds prove nothing", fewer)
	}
}

// roleViews changes what is told of the offers of some agents.
type roleViews struct {
	zoned
	change map[string]func(*offercache.RoleView)
}

func (v roleViews) Agent(agentID string) (*offercache.AgentView, bool) {
	view, ok := v.zoned.Agent(agentID)
	if change := v.change[agentID]; ok && change != nil {
		change(&view.Roles[0])
	}
	return view, ok
}

// Of places with the same score those come first whose offers are in hand, and
// where pods are packed those with which the pod can leave in company.
func TestCandidatesOfOneScore(t *testing.T) {
	expected := func(v *offercache.RoleView) { v.Certain = resources.Vector{} }
	waiting := func(v *offercache.RoleView) { v.Waiting = true }
	z, nodes := cluster(100, oneZone)
	fits := func(strategy Strategy, change func(i int) func(*offercache.RoleView)) []string {
		v := roleViews{z, map[string]func(*offercache.RoleView){}}
		for i := range nodes {
			v.change[fmt.Sprintf("a%d", i)] = change(i)
		}
		// A small pod: on agents without pods its score is 0 where they are packed.
		small := Request{Role: role, PodUID: "p", Need: vector(0.1, 64)}
		return Filter(View{Offers: v, Nodes: mapping{}}, small, NamesOf(nodes...), Choice{Strategy: strategy, Candidates: 1}).Fits
	}
	only := func(lone int, its, others func(*offercache.RoleView)) func(int) func(*offercache.RoleView) {
		return func(i int) func(*offercache.RoleView) {
			if i == lone {
				return its
			}
			return others
		}
	}
	if diff := gocmp.Diff([]string{"n37"}, fits(BinPacking, only(37, nil, expected))); diff != "" {
		t.Errorf("one has its offers in hand (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"n41"}, fits(BinPacking, only(41, waiting, nil))); diff != "" {
		t.Errorf("a hold waits at one (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(fits(Spreading, only(-1, nil, nil)), fits(Spreading, only(41, waiting, nil))); diff != "" {
		t.Errorf("where pods are spread a hold that waits changes the choice (-without +with):\n%s", diff)
	}
}
