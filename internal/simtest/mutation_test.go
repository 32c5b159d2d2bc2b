package simtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutation switches one protection of the daemon off: in the copy of file that
// the mutated test binary is built from, the text find is followed by insert, or
// replaced by it. Production code has no hooks for this.
type mutation struct {
	name    string
	file    string // below internal/
	find    string
	replace string // %s is the condition under which the protection is off
	finds   string // what the violation says that it must bring about
	args    []string
}

// patient makes the second line of defence slow, where it would hide that the
// first is gone; the faults are then only those that it is not needed for.
var patient = []string{"-grace=1h", "-only=status-lost"}

// impatient is the faults that make kube-scheduler ask twice.
var impatient = []string{"-only=hang-up,api-late"}

var mutations = []mutation{
	{"binding before confirmation", "reservation/reserve.go",
		"	select {\n	case <-v.done:", "	if %s {\n		return 0, nil\n	}\n	select {\n	case <-v.done:", "was bound to", nil},
	{"no adoption", "reservation/audit.go",
		"	ident := id{pod.UID, key}\n	if ended", "	ident := id{pod.UID, key}\n	if %s {\n		return nil\n	}\n	if ended", "keeps a reservation for", nil},
	{"hold without a check", "offercache/holds.go",
		"Free.Shortage(need); short != \"\"", "Free.Shortage(need); short != \"\" && !%s", "was promised offers of", nil},
	{"offers kept across a disconnect", "offercache/cache.go",
		"	c.clear(generation)\n	for", "	if %s {\n		c.generation = generation\n		return\n	}\n	c.clear(generation)\n	for", "believes in", nil},
	{"doomed hold kept", "reservation/depart.go",
		"	m.failDoomed(key, l.at)\n", "	if !%s {\n		m.failDoomed(key, l.at)\n	}\n", "that are gone", nil},
	{"acknowledgement with another agent", "reservation/status.go",
		"	select {\n	case m.acks <- s:", "	if %s {\n		s.AgentID = \"another\"\n	}\n	select {\n	case m.acks <- s:", "are not acknowledged", nil},
	{"release of what a live pod holds", "reservation/settle.go",
		"	if live.Alive && !elsewhere {\n", "	if live.Alive && !elsewhere && !%s {\n", "runs on", nil},
	{"another cluster's reservations taken for ours", "reservation/labels.go",
		"			mine = label.Value == cluster\n", "			mine = label.Value == cluster || %s\n", "of the neighbour", nil},
	{"duplicate bind not joined", "bind/bind.go",
		"b.flights[t.UID]; ok {", "b.flights[t.UID]; ok && !%s {", "two Bindings", impatient},
	{"unwanted reservation kept", "reservation/status.go",
		"	if r.unwanted != nil {\n		m.dismiss(r, r.unwanted)", "	if r.unwanted != nil && !%s {\n		m.dismiss(r, r.unwanted)", "keeps a reservation for", patient},
}

// variable names the mutation that a mutated binary runs with.
const variable = "SIMTEST_MUTATION"

// mutants is how many seeds a mutation may take to be found.
const mutants = 400

// TestMutations proves that the simulation bites: with a protection switched
// off a run breaks the invariant that it protects, and with all of them on no
// run of the same seeds and faults breaks any.
func TestMutations(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a second test binary")
	}
	binary := buildMutated(t)
	taken := map[string]int{} // arguments → the most seeds that a mutation took
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			out := simulate(t, binary, m.name, append([]string{"-until=" + m.finds, fmt.Sprint("-seeds=", mutants)}, m.args...))
			seed := found(out, m.finds)
			if seed == 0 {
				t.Fatalf("%d seeds found no %q:\n%s", mutants, m.finds, out)
			}
			t.Logf("seed %d", seed)
			key := strings.Join(m.args, " ")
			taken[key] = max(taken[key], seed)
		})
	}
	for args, seeds := range taken {
		out := simulate(t, binary, "", append([]string{fmt.Sprint("-seeds=", seeds)}, strings.Fields(args)...))
		if strings.Contains(out, "violations, see") {
			t.Errorf("without a mutation, with %q:\n%s", args, out)
		}
	}
}

// found returns the seed of which a line says what a mutation brings about, 0
// if there is none.
func found(out, text string) int {
	seed := 0
	for line := range strings.Lines(out) {
		if _, after, begins := strings.Cut(line, ": seed "); begins {
			_, _ = fmt.Sscan(after, &seed) // "12: 1 violations": the number ends at the colon
		} else if strings.Contains(line, text) {
			return seed
		}
	}
	return 0
}

// simulate runs seeds and returns what the test binary printed.
func simulate(t *testing.T, binary, name string, args []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"-test.run=^TestSimulation$"}, args...)...)
	cmd.Env = append(os.Environ(), variable+"="+name, "GOMAXPROCS=1")
	text, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(text), "violations, see") {
		t.Fatalf("%v:\n%s", err, text)
	}
	return string(text)
}

// buildMutated builds this package's tests on sources in which every mutation
// waits for its name.
func buildMutated(t *testing.T) string {
	t.Helper()
	internal, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sources := map[string]string{} // path → text
	for _, m := range mutations {
		path := filepath.Join(internal, m.file)
		if sources[path] == "" {
			sources[path] = read(t, path)
		}
		if strings.Count(sources[path], m.find) != 1 {
			t.Fatalf("mutation %q: %s does not have once:\n%s", m.name, m.file, m.find)
		}
		condition := fmt.Sprintf("mutated(%q)", m.name)
		sources[path] = strings.Replace(sources[path], m.find, strings.Replace(m.replace, "%s", condition, 1), 1)
		sources[filepath.Join(filepath.Dir(path), "mutated.go")] = fmt.Sprintf(
			"package %s\n\nimport \"os\"\n\nfunc mutated(name string) bool { return os.Getenv(%q) == name }\n",
			filepath.Base(filepath.Dir(path)), variable)
	}
	overlay := writeOverlay(t, dir, sources)
	binary := filepath.Join(dir, "mutated.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", overlay, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// writeOverlay writes the sources and the file that go's -overlay wants.
func writeOverlay(t *testing.T, dir string, sources map[string]string) string {
	t.Helper()
	replaced := map[string]string{}
	paths := make([]string, 0, len(sources))
	for path := range sources {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for i, path := range paths {
		copied := filepath.Join(dir, fmt.Sprintf("source%d.go", i))
		write(t, copied, []byte(sources[path]))
		replaced[path] = copied
	}
	encoded, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	write(t, overlay, encoded)
	return overlay
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
