package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestSchedulerConfig(t *testing.T) {
	tests := []struct {
		name    string
		options SchedulerOptions
		want    string
	}{
		{
			name: "default scheduler",
			want: `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: /lab/config, qps: 5000, burst: 5000}
leaderElection: {leaderElect: false}
`,
		},
		{
			name:    "one extender",
			options: SchedulerOptions{ExtenderURL: "http://127.0.0.1:8888/scheduler", Profile: "mesos-scheduler"},
			want: `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: /lab/config, qps: 5000, burst: 5000}
leaderElection: {leaderElect: false}
extenders:
- urlPrefix: http://127.0.0.1:8888/scheduler
  filterVerb: filter
  prioritizeVerb: prioritize
  preemptVerb: preempt
  bindVerb: bind
  weight: 3
  nodeCacheCapable: true
  httpTimeout: 30s
profiles:
- schedulerName: mesos-scheduler
  percentageOfNodesToScore: 100
`,
		},
		{
			name: "own configuration keeps its say, but not its kubeconfig",
			options: SchedulerOptions{ExtenderURL: "http://ignored", ConfigYAML: []byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: /etc/kubernetes/scheduler.conf, qps: 7}
leaderElection: {leaderElect: true}
percentageOfNodesToScore: 100
`)},
			want: `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: /lab/config, qps: 7, burst: 5000}
leaderElection: {leaderElect: true}
percentageOfNodesToScore: 100
`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := schedulerConfig(test.options, "/lab/config")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, []byte(test.want)), decode(t, got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestSchedulerConfigRefuses(t *testing.T) {
	tests := map[string]string{
		"no YAML":                "\tkind: [",
		"a key twice":            "kind: A\nkind: B",
		"a list for connection":  "clientConnection: [1]",
		"a string for elections": "leaderElection: never",
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := schedulerConfig(SchedulerOptions{ConfigYAML: []byte(config)}, "/lab/config"); err == nil {
				t.Errorf("accepted, giving %s", got)
			}
		})
	}
}

func decode(t *testing.T, content []byte) map[string]any {
	t.Helper()
	var value map[string]any
	if err := yaml.Unmarshal(content, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
