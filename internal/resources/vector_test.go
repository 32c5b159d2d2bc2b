package resources

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func randomVector(rng *rand.Rand) Vector {
	v := Vector{Ports: randomRanges(rng)}
	for _, name := range []string{CPUs, Mem, "fpgas"} {
		v = v.Add(Scalar(name, Milli(rng.IntN(4))*500))
	}
	return v
}

func TestVectorLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		a, b := randomVector(rng), randomVector(rng)
		before := [2]string{a.String(), b.String()}
		sum, rest, common := a.Add(b), a.Sub(b), a.Min(b)
		laws := []struct {
			name string
			ok   bool
		}{
			{"a+b = b+a", sum.Equal(b.Add(a))},
			{"a+b covers both", sum.Covers(a) && sum.Covers(b)},
			{"a = (a−b) + min(a,b)", rest.Add(common).Equal(a)},
			{"min(a,b) is in both", a.Covers(common) && b.Covers(common)},
			{"min(a,b) = min(b,a)", common.Equal(b.Min(a))},
			{"a−b and min(a,b) share no port", len(rest.Ports.Intersect(common.Ports)) == 0},
			{"a covers b exactly when b−a is empty", a.Covers(b) == b.Sub(a).IsZero()},
			{"a covers b exactly when no resource is short", a.Covers(b) == (a.Shortage(b) == "")},
			{"a−a is empty", a.Sub(a).IsZero()},
			{"the clone is equal", a.Clone().Equal(a)},
		}
		for _, law := range laws {
			if !law.ok {
				t.Fatalf("%s does not hold for a = %v, b = %v", law.name, a, b)
			}
		}
		for _, v := range []Vector{sum, rest, common} {
			wantNormal(t, v)
		}
		if after := [2]string{a.String(), b.String()}; after != before {
			t.Fatalf("operands changed from %v to %v", before, after)
		}
	}
}

func wantNormal(t *testing.T, v Vector) {
	t.Helper()
	for i, s := range v.Scalars {
		if s.Milli <= 0 {
			t.Fatalf("%v holds %s of %v", v, s.Milli, s.Name)
		}
		if i > 0 && s.Name <= v.Scalars[i-1].Name {
			t.Fatalf("%v is not in name order", v)
		}
	}
	if v.Scalars != nil && len(v.Scalars) == 0 {
		t.Fatalf("an empty map is kept")
	}
}

func TestVectorSharesNothing(t *testing.T) {
	a := Vector{Scalars: Scalars{{CPUs, 1000}}, Ports: Ranges{{1, 9}}}
	for name, v := range map[string]Vector{
		"Clone": a.Clone(), "Add": a.Add(Vector{}), "Add to nothing": Vector{}.Add(a), "Sub": a.Sub(Vector{}), "Min": a.Min(a),
	} {
		v.Scalars[0].Milli = 7
		v.Ports[0].End = 7
		if diff := cmp.Diff(Vector{Scalars: Scalars{{CPUs, 1000}}, Ports: Ranges{{1, 9}}}, a); diff != "" {
			t.Fatalf("%s shares memory with its operand:\n%s", name, diff)
		}
	}
}

func TestShortage(t *testing.T) {
	have := Scalar(CPUs, 1000).Add(Scalar(Mem, 64000)).Add(Vector{Ports: Ranges{{80, 81}}})
	tests := []struct {
		name string
		need Vector
		want string
	}{
		{"nothing", Vector{}, ""},
		{"exactly all", have, ""},
		{"one thousandth over", Scalar(CPUs, 1001), CPUs},
		{"first by name", Scalar(Mem, 65000).Add(Scalar(CPUs, 2000)), CPUs},
		{"absent", Scalar(GPUs, 1000), GPUs},
		{"ports last", Vector{Ports: Ranges{{82, 82}}}.Add(Scalar(Mem, 65000)), Mem},
		{"ports", Vector{Ports: Ranges{{81, 82}}}, Ports},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := have.Shortage(tt.need); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMilliString(t *testing.T) {
	for in, want := range map[Milli]string{0: "0", 1: "0.001", 1500: "1.5", 1010: "1.01", -500: "-0.5", -2000: "-2", 64000: "64", maxScalar - 1: "9007199254740.991"} {
		if got := in.String(); got != want {
			t.Errorf("Milli(%d) = %s, want %s", int64(in), got, want)
		}
	}
}
