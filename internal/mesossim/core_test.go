package mesossim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

func mustParse(t *testing.T, s string) resources {
	t.Helper()
	rs, err := parseResources(s)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func TestScalarsHaveThreeDecimals(t *testing.T) {
	for _, test := range []struct {
		value float64
		want  string
	}{
		{0.0005, "0.001"}, {0.0004, "0"}, {0.1234567, "0.123"}, {4.875, "4.875"}, {-1, "-1"},
		{50000, "50000"}, {1048576, "1048576"}, {0.3, "0.3"},
	} {
		if got := formatScalar(test.value); got != test.want {
			t.Errorf("%v: want %s, got %s", test.value, test.want, got)
		}
	}
	sum := newResources([]resource{{name: "cpus", scalar: 0.1}, {name: "cpus", scalar: 0.2}})
	if sum[0].scalar != 0.3 {
		t.Errorf("0.1+0.2: want exactly 0.3, got %v", sum[0].scalar)
	}
}

func TestSpans(t *testing.T) {
	whole := []span{{31000, 31010}, {31020, 31030}}
	cut := subSpans(whole, []span{{31002, 31004}, {31020, 31020}})
	if got, want := formatSpans(cut), "[31000-31001, 31005-31010, 31021-31030]"; got != want {
		t.Errorf("subtract: want %s, got %s", want, got)
	}
	if back := addSpans(cut, []span{{31002, 31004}, {31020, 31020}}); formatSpans(back) != formatSpans(whole) {
		t.Errorf("add back: want %s, got %s", formatSpans(whole), formatSpans(back))
	}
	if spansContain(cut, []span{{31001, 31002}}) {
		t.Error("contains what was cut out")
	}
	if !spansContain([]span{{1, 2}, {3, 4}}, []span{{1, 4}}) {
		t.Error("touching spans are one")
	}
}

// The order of a collection shows in offers and error texts: what is used up is
// replaced by the last, what is new goes to the end.
func TestOrderOfResources(t *testing.T) {
	total := mustParse(t, "ports:[1-9];cpus(a):3;mem(a):5;cpus:5;mem:7;disk:9")
	rest := total.minus(mustParse(t, "cpus(a):3;mem(a):5"))
	if got, want := rest.String(), "ports:[1-9]; disk:9; mem:7; cpus:5"; got != want {
		t.Errorf("minus: want %s, got %s", want, got)
	}
	if got, want := rest.plus(mustParse(t, "cpus:1;gpus:2")).String(), "ports:[1-9]; disk:9; mem:7; cpus:6; gpus:2"; got != want {
		t.Errorf("plus: want %s, got %s", want, got)
	}
	if got, want := total.String(), "ports:[1-9]; cpus(reservations: [(STATIC,a)]):3; mem(reservations: [(STATIC,a)]):5; cpus:5; mem:7; disk:9"; got != want {
		t.Errorf("the operands must not change: want %s, got %s", want, got)
	}
}

func TestReservationsMergeByLabels(t *testing.T) {
	labelled := func(amount float64, labels ...mesos.Label) resource {
		kind, role := mesos.Resource_ReservationInfo_DYNAMIC, "k"
		return resource{name: "cpus", scalar: amount, reserved: newReservations([]mesos.Resource_ReservationInfo{
			{Type: &kind, Role: &role, Labels: &mesos.Labels{Labels: labels}},
		})}
	}
	a, b := "1", "2"
	one, two := mesos.Label{Key: "x", Value: &a}, mesos.Label{Key: "y", Value: &b}
	rs := newResources([]resource{labelled(1, one, two), labelled(2, two, one), labelled(4, one), labelled(8, mesos.Label{Key: "x"})})
	var amounts []float64
	for _, r := range rs {
		amounts = append(amounts, r.scalar)
	}
	if diff := cmp.Diff([]float64{3, 4, 8}, amounts); diff != "" {
		t.Errorf("labels compare as a set, a missing value is none:\n%s", diff)
	}
}

func TestConversionIsDoneAsAWholeOrNotAtAll(t *testing.T) {
	rs := mustParse(t, "cpus:5;mem:7")
	possible := conversion{mustParse(t, "cpus:2"), mustParse(t, "cpus(a):2")}
	err := rs.convert([]conversion{possible, {mustParse(t, "mem:8"), mustParse(t, "mem(a):8")}})
	if want := "cpus:3; mem:7; cpus(reservations: [(STATIC,a)]):2 does not contain mem:8"; err == nil || err.Error() != want {
		t.Errorf("a step that fails: want %q, got %v", want, err)
	}
	if got, want := rs.String(), "cpus:5; mem:7"; got != want {
		t.Errorf("after a step that failed: want %s, got %s", want, got)
	}
	if err := rs.convert([]conversion{possible}); err != nil {
		t.Fatal(err)
	}
	if got, want := rs.String(), "cpus:3; mem:7; cpus(reservations: [(STATIC,a)]):2"; got != want {
		t.Errorf("a step that succeeds: want %s, got %s", want, got)
	}
}

func TestDominantResourceFairness(t *testing.T) {
	total := quantities{"cpus": 10000, "mem": 100000}
	s := newSorter()
	for _, name := range []string{"b", "a", "k/x", "k/y"} {
		s.add(name)
	}
	if diff := cmp.Diff([]string{"a", "b", "k/x", "k/y"}, s.order(total)); diff != "" {
		t.Errorf("without shares by name:\n%s", diff)
	}
	s.allocated("a", quantities{"cpus": 1000, "mem": 50000})
	s.allocated("b", quantities{"cpus": 4000})
	s.allocated("k/x", quantities{"cpus": 1000})
	if diff := cmp.Diff([]string{"k/y", "k/x", "b", "a"}, s.order(total)); diff != "" {
		t.Errorf("by dominant share, trees first as a whole:\n%s", diff)
	}
	s.unallocated("a", quantities{"cpus": 1000, "mem": 50000})
	s.unallocated("b", quantities{"cpus": 4000})
	s.remove("k/x")
	s.add("c")
	if diff := cmp.Diff([]string{"c", "k/y", "a", "b"}, s.order(total)); diff != "" {
		t.Errorf("equal shares by number of allocations:\n%s", diff)
	}
}

func TestAttributes(t *testing.T) {
	got, err := parseAttributes("rack:r1;slots:4.5;vlans:[10-20];neg:-3")
	if err != nil {
		t.Fatal(err)
	}
	var types []mesos.Value_Type
	for _, a := range got {
		types = append(types, a.Type)
	}
	if diff := cmp.Diff([]mesos.Value_Type{mesos.TEXT, mesos.SCALAR, mesos.RANGES, mesos.TEXT}, types); diff != "" {
		t.Error(diff)
	}
	if _, err := parseAttributes("kinds:{a,b}"); err == nil {
		t.Error("a set attribute must be refused, as a real agent does")
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]string{"3secs": "3s", "1.5mins": "1m30s", "10ms": "10ms", "2weeks": "336h0m0s"} {
		if got, err := parseDuration(text); err != nil || got.String() != want {
			t.Errorf("%s: want %s, got %v (%v)", text, want, got, err)
		}
	}
	if _, err := parseDuration("3s"); err == nil {
		t.Error("3s is no duration of Mesos")
	}
}
