package mesossim

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// flags are the flags of mesos-master that matter here.
type flags struct {
	allocationInterval     time.Duration
	offerTimeout           time.Duration // 0 = never
	pingTimeout            time.Duration
	maxPings               int
	reregisterTimeout      time.Duration
	minAllocatable         []quantities
	persistent             bool // --registry=replicated_log
	authenticateFrameworks bool
	authenticateRead       bool
	authenticateWrite      bool
	credentialsAt          string            // value of --credentials
	credentials            map[string]string // principal → secret
	domain                 *mesos.DomainInfo
	filterGPU              bool
}

// parseFlags reads mesos-master flags; those it does not know are ignored.
func parseFlags(args []string) (flags, error) {
	f := flags{
		allocationInterval: time.Second,
		pingTimeout:        15 * time.Second,
		maxPings:           5,
		reregisterTimeout:  10 * time.Minute,
		minAllocatable:     []quantities{{"cpus": 10}, {"mem": 32000}},
		persistent:         true,
		filterGPU:          true,
		credentials:        map[string]string{},
	}
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if err := f.set(name, value); err != nil {
			return f, fmt.Errorf("master flag %s: %w", arg, err)
		}
	}
	return f, nil
}

func (f *flags) set(name, value string) error {
	var err error
	switch name {
	case "allocation_interval":
		f.allocationInterval, err = parseDuration(value)
	case "offer_timeout":
		f.offerTimeout, err = parseDuration(value)
	case "agent_ping_timeout", "slave_ping_timeout":
		f.pingTimeout, err = parseDuration(value)
	case "agent_reregister_timeout", "slave_reregister_timeout":
		f.reregisterTimeout, err = parseDuration(value)
	case "max_agent_ping_timeouts", "max_slave_ping_timeouts":
		f.maxPings, err = strconv.Atoi(value)
	case "min_allocatable_resources":
		f.minAllocatable, err = parseMinAllocatable(value)
	case "registry":
		f.persistent = value != "in_memory"
	case "filter_gpu_resources":
		f.filterGPU = value != "false"
	case "no-filter_gpu_resources":
		f.filterGPU = false
	case "authenticate_http_frameworks":
		f.authenticateFrameworks = value != "false"
	case "authenticate_http_readonly":
		f.authenticateRead = value != "false"
	case "authenticate_http_readwrite":
		f.authenticateWrite = value != "false"
	case "credentials":
		f.credentialsAt = value
	case "domain":
		f.domain, err = parseDomain(value)
	}
	return err
}

// units of durations as in stout, such as 3secs.
var units = []struct {
	suffix string
	unit   time.Duration
}{
	{"weeks", 7 * 24 * time.Hour}, {"days", 24 * time.Hour}, {"hrs", time.Hour}, {"mins", time.Minute},
	{"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", time.Nanosecond}, {"secs", time.Second},
}

func parseDuration(s string) (time.Duration, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, fmt.Errorf("duration %q: %w", s, err)
		}
		return time.Duration(value * float64(u.unit)), nil
	}
	return 0, fmt.Errorf("duration %q has no unit such as secs", s)
}

// parseMinAllocatable reads alternatives such as cpus:0.01|mem:32.
func parseMinAllocatable(s string) ([]quantities, error) {
	var out []quantities
	for alternative := range strings.SplitSeq(s, "|") {
		if strings.TrimSpace(alternative) == "" {
			continue
		}
		list, err := parseResources(alternative)
		if err != nil {
			return nil, err
		}
		out = append(out, list.scalarQuantities())
	}
	return out, nil
}

func parseDomain(s string) (*mesos.DomainInfo, error) {
	tree, err := parseJSON([]byte(s))
	if err != nil {
		return nil, fmt.Errorf("domain: %w", err)
	}
	var domain mesos.DomainInfo
	if err := decodeJSON(tree, &domain); err != nil {
		return nil, fmt.Errorf("domain: %w", err)
	}
	return &domain, nil
}

// domainOf returns the domain of region/zone, nil for "".
func domainOf(s string) *mesos.DomainInfo {
	region, zone, _ := strings.Cut(s, "/")
	if region == "" {
		return nil
	}
	return &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
		Region: mesos.DomainInfo_FaultDomain_RegionInfo{Name: region},
		Zone:   mesos.DomainInfo_FaultDomain_ZoneInfo{Name: zone},
	}}
}

// loadCredentials takes over given credentials; without any, those of
// --credentials are read.
func (f *flags) loadCredentials(given map[string]string) error {
	maps.Copy(f.credentials, given)
	if len(given) > 0 || f.credentialsAt == "" {
		return nil
	}
	read, err := readCredentials(f.credentialsAt)
	maps.Copy(f.credentials, read)
	return err
}

// readCredentials reads the JSON of --credentials, inline or from a file.
func readCredentials(value string) (map[string]string, error) {
	data := []byte(value)
	if !strings.HasPrefix(strings.TrimSpace(value), "{") {
		var err error
		if data, err = os.ReadFile(strings.TrimPrefix(value, "file://")); err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
	}
	var file struct {
		Credentials []struct {
			Principal string `json:"principal"`
			Secret    string `json:"secret"`
		} `json:"credentials"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	out := map[string]string{}
	for _, c := range file.Credentials {
		out[c.Principal] = c.Secret
	}
	return out, nil
}
