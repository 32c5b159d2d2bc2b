package config

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every wrong field is told with its path, and none twice.
func TestWrongTypesNameTheirFields(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"two in different sections": {
			"clusterID: 5\nbind: {timeout: soon}\nmesos: {masters: ['http://a:1']}\n",
			[]string{
				`bind.timeout: Invalid value: "soon": must be a duration with a unit, such as 500ms or 1m30s`,
				"clusterID: Invalid value: 5: must be a string",
			},
		},
		"a section, a list's item and a map's entry": {
			"clusterID: berlin\nserver: []\nmesos: {masters: ['http://a:1', 7], roles: kubernetes}\n" +
				"resources: {extended: {a.b/c: {scalar: fpgas, factor: half}}}\nwake: {enabled: 1}\n",
			[]string{
				"mesos.masters[1]: Invalid value: 7: must be a string",
				`mesos.roles: Invalid value: "kubernetes": must be a list`,
				`resources.extended[a.b/c].factor: Invalid value: "half": must be a number with at most three decimals and no unit`,
				"server: Invalid value: must be a map",
				"wake.enabled: Invalid value: 1: must be true or false",
			},
		},
		"beside an unknown and an invalid field": {
			"clusterID: berlin\nforeignPods: Maybe\nmesos: {missedHeartbeats: 1.5, master: x}\n",
			[]string{
				`unknown field "mesos.master"`,
				"mesos.missedHeartbeats: Invalid value: 1.5: must be a whole number",
				`foreignPods: Unsupported value: "Maybe": supported values: "PassThrough", "Refuse"`,
				"mesos.masters: Required value: base URL of at least one master, http://host:5050",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			head := "apiVersion: " + APIVersion + "\nkind: " + Kind + "\n"
			_, err := Parse("test.yaml", []byte(head+tt.text))
			expectProblems(t, err, tt.want)
		})
	}
}

func TestTheFileMustBeAMap(t *testing.T) {
	_, err := Parse("test.yaml", []byte("- a\n- b\n"))
	expectProblems(t, err, []string{"the file: Invalid value: must be a map"})
}

func expectProblems(t *testing.T, err error, want []string) {
	t.Helper()
	var bad *Error
	if !errors.As(err, &bad) {
		t.Fatalf("error = %v, want an *Error", err)
	}
	var got []string
	for _, problem := range bad.Problems {
		got = append(got, problem.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
