package offercache

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listing is what is in a table, by both ways to read it.
func listing(t *testing.T, tab *table) map[string]*AgentView {
	t.Helper()
	all := map[string]*AgentView{}
	for id, view := range tab.all {
		if _, twice := all[id]; twice {
			t.Fatalf("%s is listed twice", id)
		}
		all[id] = view
		if got, ok := tab.get(id); !ok || got != view {
			t.Fatalf("%s is listed but not found", id)
		}
	}
	if len(all) != tab.count {
		t.Fatalf("%d listed, %d counted", len(all), tab.count)
	}
	return all
}

// Random edits branch off a table: it must not change, and the edited one must
// equal a map that was edited in the same way.
func TestTableAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	tab, model := newTable(), map[string]*AgentView{}
	change := func(e *edit, m map[string]*AgentView) {
		for range rng.IntN(40) {
			id := fmt.Sprint("agent-", rng.IntN(1500))
			if rng.IntN(5) < 3 {
				m[id] = &AgentView{AgentID: id}
				e.put(m[id])
			} else {
				delete(m, id)
				e.remove(id)
			}
		}
	}
	for range 400 {
		aside, asideModel := tab.edit(), maps.Clone(model)
		next, nextModel := tab.edit(), maps.Clone(model)
		change(aside, asideModel)
		change(next, nextModel)
		for _, pair := range []struct {
			tab  *table
			want map[string]*AgentView
		}{{&tab, model}, {&aside.table, asideModel}, {&next.table, nextModel}} {
			if got := listing(t, pair.tab); !maps.Equal(got, pair.want) {
				t.Fatalf("table (-want +got):\n%s", cmp.Diff(pair.want, got))
			}
		}
		tab, model = next.table, nextModel
	}
	if len(tab.pages) == 1 {
		t.Errorf("%d agents in one page: the table never grew", tab.count)
	}
}

func TestTableGrowsInTheMiddleOfAnEdit(t *testing.T) {
	tab := newTable()
	const agents = 5 * pageSize * maxLoad
	e := tab.edit()
	for i := range agents {
		e.put(&AgentView{AgentID: fmt.Sprint("agent-", i)})
	}
	if got := len(listing(t, &e.table)); got != agents || len(listing(t, &tab)) != 0 {
		t.Errorf("%d agents after the edit, want %d", got, agents)
	}
	if got := len(e.pages); got != 8 {
		t.Errorf("%d pages, want 8", got)
	}
}
