package config

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// minimal is the shortest file that is accepted.
const minimal = `
apiVersion: kube-mesos-extender.io/v1alpha1
kind: ExtenderConfiguration
clusterID: berlin
mesos:
  masters: ["http://127.0.0.1:5050"]
`

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDefaultsGolden(t *testing.T) {
	got, err := mustParse(t, minimal).Print()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "defaults.yaml")
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("printed defaults differ (-want +got):\n%s", diff)
	}
}

func TestPrintIsAcceptedAgain(t *testing.T) {
	text := minimal + `
  codec: json
  callTimeout: 1500ms
resources:
  minimum: {cpus: 0.25, mem: "64"}
  extended:
    example.com/fpga: {scalar: fpgas}
    example.com/licence: {scalar: licences, factor: 0.5}
wake: {enabled: false}
`
	first := mustParse(t, text)
	printed, err := first.Print()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, mustParse(t, string(printed))); diff != "" {
		t.Errorf("the printed file means something else (-first +again):\n%s", diff)
	}
}

func TestParseKeepsExplicitZeroes(t *testing.T) {
	cfg := mustParse(t, minimal+"offers: {idleHold: 0s}\nwake: {enabled: false}\nresources: {minimum: {cpus: 0}}\n")
	if cfg.Offers.IdleHold.Duration != 0 || cfg.Wake.Enabled || cfg.Resources.Minimum.CPUs != 0 {
		t.Errorf("an explicit zero was replaced by the default: %+v", cfg)
	}
	if cfg.Offers.DeclineRefuse.Duration != time.Hour || cfg.Resources.Minimum.Mem != 32_000 {
		t.Errorf("siblings of an explicit zero lost their default: %+v", cfg)
	}
}

func TestExtendedFactorDefaultsToOne(t *testing.T) {
	cfg := mustParse(t, minimal+"resources: {extended: {example.com/fpga: {scalar: fpgas}}}\n")
	if got := *cfg.Resources.Extended["example.com/fpga"].Factor; got != 1000 {
		t.Errorf("factor = %d thousandths, want 1000", got)
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unknown top field", minimal + "bindings: {}\n", []string{`unknown field "bindings"`}},
		{"unknown nested field with its path", minimal + "server: {tls: {cert: x}}\n", []string{`unknown field "server.tls.cert"`}},
		{"other case", minimal + "Server: {address: ':1'}\n", []string{`unknown field "Server"`}},
		{"repeated field", minimal + "clusterID: paris\n", []string{`"clusterID" already set`}},
		{"wrong type", minimal + "server: {maxBodyBytes: many}\n", []string{"server.maxBodyBytes"}},
		{"duration without unit", minimal + "bind: {timeout: '20'}\n", []string{`bind.timeout: Invalid value: "20": must be a duration with a unit`}},
		{"not YAML", "{", []string{"did not find"}},
		{"unknown and invalid together", minimal + "bindings: {}\nforeignPods: Maybe\n", []string{`unknown field "bindings"`, "foreignPods"}},
		{"second document", minimal + "---\nkind: Other\n", []string{"more than one YAML document"}},
		{"UTF-16", "\xff\xfe", []string{"not UTF-8"}},
		{"bytes that are no text", minimal + "# \xff\n", []string{"not UTF-8"}},
		{"empty file", "", []string{"apiVersion", "kind", "clusterID", "mesos.masters"}},
		{"other kind", strings.Replace(minimal, "kind: Ext", "kind: Int", 1), []string{`kind: Unsupported value: "IntenderConfiguration"`}},
		{"future version", strings.Replace(minimal, "v1alpha1", "v2", 1), []string{"apiVersion: Unsupported value"}},
		{"four decimals", minimal + "resources: {minimum: {cpus: 0.0001}}\n", []string{"resources.minimum.cpus: Invalid value: 0.0001: must be a number with at most three decimals"}},
		{"amount with a unit", minimal + "resources: {minimum: {mem: 32Mi}}\n", []string{`resources.minimum.mem: Invalid value: "32Mi": must be a number`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("test.yaml", []byte(tt.text))
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("error = %v, want an *Error", err)
			}
			for _, want := range append(tt.want, "test.yaml") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "extender.yaml")
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path)
	if err != nil || cfg.ClusterID != "berlin" {
		t.Errorf("Load = %+v, %v", cfg, err)
	}
	_, err = Load(path + ".missing")
	var bad *Error
	if !errors.As(err, &bad) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a missing file = %v, want an *Error that wraps ErrNotExist", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + "resources: {minimum: {cpus: 1e3, mem: -1}, extended: {a/b: null}}"))
	f.Add([]byte("mesos: null\nserver: [1]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("fuzz", data)
		if err != nil {
			var bad *Error
			if !errors.As(err, &bad) || len(bad.Problems) == 0 {
				t.Fatalf("error %v tells no problem", err)
			}
			return
		}
		printed, err := cfg.Print()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("printed", printed)
		if err != nil {
			t.Fatalf("printed configuration is refused: %v\n%s", err, printed)
		}
		if diff := cmp.Diff(cfg, again); diff != "" {
			t.Fatalf("printed configuration differs:\n%s", diff)
		}
	})
}
