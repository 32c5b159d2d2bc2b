package resources

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// FuzzRequest gives a pod of two containers arbitrary quantities: the result
// is never negative, never under the sum of the two, and never a whole unit of
// rounding above it.
func FuzzRequest(f *testing.F) {
	f.Add("cpu", "0.0005", "1")
	f.Add("cpu", "9E", "9E")
	f.Add("memory", "1", "1Mi")
	f.Add("memory", "9223372036854775807", "1")
	f.Add("memory", "1e18", "-1n")
	f.Add("ephemeral-storage", "1048577", "0.1")
	f.Add("nvidia.com/gpu", "1", "500m")
	f.Add("example.com/fpga", "3", "1e3")
	tr, err := NewTranslator(Rules{Extended: map[string]ExtendedRule{"example.com/fpga": {Scalar: "fpgas"}}})
	if err != nil {
		f.Fatal(err)
	}
	units := map[string]struct {
		scalar string
		unit   resource.Quantity // in which the scalar is counted
		step   resource.Quantity // to which it is rounded
	}{
		"cpu":               {CPUs, resource.MustParse("1"), resource.MustParse("1m")},
		"memory":            {Mem, resource.MustParse("1Mi"), resource.MustParse("1Mi")},
		"ephemeral-storage": {Disk, resource.MustParse("1Mi"), resource.MustParse("1Mi")},
		"nvidia.com/gpu":    {GPUs, resource.MustParse("1"), resource.MustParse("1")},
		"example.com/fpga":  {"fpgas", resource.MustParse("1"), resource.MustParse("1")},
	}
	f.Fuzz(func(t *testing.T, name, first, second string) {
		a, errA := resource.ParseQuantity(first)
		b, errB := resource.ParseQuantity(second)
		unit, known := units[name]
		if errA != nil || errB != nil || !known {
			return
		}
		list := func(q resource.Quantity) corev1.Container {
			return corev1.Container{Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceName(name): q},
			}}
		}
		got, err := tr.Request(&corev1.Pod{Spec: podOf(list(a), list(b))})
		if err != nil {
			return
		}
		if a.Sign() < 0 || b.Sign() < 0 {
			t.Fatalf("negative quantities %s and %s were accepted", first, second)
		}
		amount := got.Get(unit.scalar)
		if amount <= 0 || amount > maxScalar {
			t.Fatalf("%s + %s became %v", first, second, got)
		}
		sum := a.DeepCopy()
		sum.Add(b)
		granted := *resource.NewScaledQuantity(int64(amount), resource.Milli)
		granted.Mul(unit.unit.Value())
		if granted.Cmp(sum) < 0 {
			t.Fatalf("%s + %s became %v: less than requested", first, second, got)
		}
		granted.Sub(unit.step)
		if granted.Cmp(sum) >= 0 {
			t.Fatalf("%s + %s became %v: more than rounding explains", first, second, got)
		}
	})
}
