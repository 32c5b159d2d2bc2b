package resources

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func portion(v Vector, layers ...Layer) Portion { return Portion{Layers: layers, Vector: v} }

func TestUsable(t *testing.T) {
	tests := []struct {
		name string
		role string // of the last layer, "" for none
		to   string
		want bool
	}{
		{"unreserved", "", "k8s/pods", true},
		{"parent", "k8s", "k8s/pods", true},
		{"grandparent", "k8s", "k8s/pods/a", true},
		{"the same role", "k8s/pods", "k8s/pods", false},
		{"child", "k8s/pods/a", "k8s/pods", false},
		{"same beginning only", "k8", "k8s/pods", false},
		{"another role", "spark", "k8s/pods", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := portion(Scalar(CPUs, 1000))
			if tt.role != "" {
				// Only the last layer counts.
				p.Layers = []Layer{{Role: "root"}, {Role: tt.role}}
			}
			if got := p.Usable(tt.to); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPushAndPop(t *testing.T) {
	static := Layer{Role: "k8s"}
	pod := Layer{Dynamic: true, Role: "k8s/pods", Labels: []Label{{"pod", "a"}}}
	base := portion(Scalar(CPUs, 4000), static)
	pushed := base.Push(pod, Scalar(CPUs, 1000))
	want := Portion{Layers: []Layer{static, pod}, Vector: Scalar(CPUs, 1000)}
	if diff := cmp.Diff(want, pushed); diff != "" {
		t.Errorf("Push (-want +got):\n%s", diff)
	}
	popped := pushed.Pop()
	if !popped.SameStack(base) || !popped.Vector.Equal(pushed.Vector) {
		t.Errorf("Pop gives %v, want the stack of %v", popped, base)
	}
	other := popped.Push(Layer{Dynamic: true, Role: "k8s/other"}, popped.Vector)
	if diff := cmp.Diff(want, pushed); diff != "" {
		t.Errorf("pushing on %v changed the portion it was popped from:\n%s", other, diff)
	}
	roomy := Portion{Layers: append(make([]Layer, 0, 4), static)}
	first := roomy.Push(pod, Vector{})
	roomy.Push(Layer{Role: "k8s/other"}, Vector{})
	_ = append(first.Pop().Layers, Layer{Role: "k8s/other"})
	if top, _ := first.Top(); top.Role != pod.Role {
		t.Errorf("a second stack on the same base changed the first to %v", first)
	}
	if got := portion(Scalar(CPUs, 1)).Pop(); got.Role() != Unreserved {
		t.Errorf("Pop of an unreserved portion gives %v", got)
	}
}

func TestSameStack(t *testing.T) {
	base := Layer{Dynamic: true, Role: "r", Principal: "p", Labels: []Label{{"a", "1"}, {"b", "2"}}}
	change := func(f func(*Layer)) Portion {
		l := base
		f(&l)
		return portion(Vector{}, l)
	}
	tests := []struct {
		name string
		p    Portion
		want bool
	}{
		{"equal", change(func(*Layer) {}), true},
		{"static", change(func(l *Layer) { l.Dynamic = false }), false},
		{"role", change(func(l *Layer) { l.Role = "s" }), false},
		{"principal", change(func(l *Layer) { l.Principal = "q" }), false},
		{"order of labels", change(func(l *Layer) { l.Labels = []Label{{"b", "2"}, {"a", "1"}} }), false},
		{"one label fewer", change(func(l *Layer) { l.Labels = l.Labels[:1] }), false},
		{"unreserved", portion(Vector{}), false},
		{"deeper", portion(Vector{}, base, base), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := portion(Vector{}, base).SameStack(tt.p); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCarve(t *testing.T) {
	static, foreign := Layer{Role: "k8s"}, Layer{Dynamic: true, Role: "spark"}
	portions := []Portion{
		portion(Scalar(CPUs, 4000)),
		portion(Scalar(CPUs, 9000), foreign),
		portion(Scalar(CPUs, 1000), static),
	}
	taken, rest, ok := Carve(portions, "k8s/pods", Scalar(CPUs, 1500))
	if !ok {
		t.Fatal("not covered")
	}
	wantTaken := []Portion{portion(Scalar(CPUs, 1000), static), portion(Scalar(CPUs, 500))}
	if diff := cmp.Diff(wantTaken, taken); diff != "" {
		t.Errorf("taken (-want +got), reserved ones first:\n%s", diff)
	}
	wantRest := []Portion{portion(Scalar(CPUs, 3500)), portion(Scalar(CPUs, 9000), foreign)}
	if diff := cmp.Diff(wantRest, rest); diff != "" {
		t.Errorf("rest (-want +got):\n%s", diff)
	}
	if _, _, ok := Carve(portions, "k8s/pods", Scalar(CPUs, 5001)); ok {
		t.Error("took more than is usable")
	}
}

// TestCarveKeepsEverything checks, for random portions, that Carve loses and
// invents nothing, takes exactly the need, and only what is usable.
func TestCarveKeepsEverything(t *testing.T) {
	const role = "a/b"
	stacks := [][]Layer{nil, {{Role: "a"}}, {{Role: "a"}, {Dynamic: true, Role: role}}, {{Role: "x"}}}
	rng := rand.New(rand.NewPCG(5, 6))
	covered := 0
	for range 20000 {
		ports := Ranges{{0, 63}} // each portion has ports of its own
		var portions []Portion
		var all, usable Vector
		for range rng.IntN(5) {
			v := randomVector(rng)
			v.Ports = v.Ports.Intersect(ports)
			ports = ports.Minus(v.Ports)
			p := portion(v, stacks[rng.IntN(len(stacks))]...)
			portions, all = append(portions, p), all.Add(v)
			if p.Usable(role) {
				usable = usable.Add(v)
			}
		}
		need := randomVector(rng)
		taken, rest, ok := Carve(portions, role, need)
		if ok != usable.Covers(need) {
			t.Fatalf("ok = %v for need %v of %v", ok, need, usable)
		}
		if !ok {
			continue
		}
		covered++
		checkCarved(t, role, taken, need)
		if !sumOf(taken).Add(sumOf(rest)).Equal(all) {
			t.Fatalf("taken %v and rest %v are not %v", taken, rest, all)
		}
	}
	if covered < 500 {
		t.Errorf("only %d cases were covered: the test says little", covered)
	}
}

func checkCarved(t *testing.T, role string, taken []Portion, need Vector) {
	t.Helper()
	if !sumOf(taken).Equal(need) {
		t.Fatalf("took %v, need %v", taken, need)
	}
	for _, p := range taken {
		if !p.Usable(role) || p.Vector.IsZero() {
			t.Fatalf("took %v", p)
		}
	}
}

func sumOf(portions []Portion) Vector {
	var sum Vector
	for _, p := range portions {
		sum = sum.Add(p.Vector)
	}
	return sum
}
