package mesos

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// masters picks the base URL to talk to: the leader if one is known, else the
// configured ones in turn.
type masters struct {
	list []string // configured base URLs; never changed

	mu     sync.Mutex // guards all below
	leader string     // last known, empty if none
	next   int        // index into list
}

// pick returns where to subscribe next.
func (m *masters) pick() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader != "" {
		return m.leader
	}
	base := m.list[m.next%len(m.list)]
	m.next++
	return base
}

// led notes that base answered as the leader does.
func (m *masters) led(base string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leader = base
}

// failed notes that base did not answer as a leader does.
func (m *masters) failed(base string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader == base {
		m.leader = ""
	}
}

// candidates returns every base URL worth asking, the leader first.
func (m *masters) candidates() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var bases []string
	if m.leader != "" {
		bases = append(bases, m.leader)
	}
	for _, base := range m.list {
		if base != m.leader {
			bases = append(bases, base)
		}
	}
	return bases
}

// redirected returns the base URL that the Location of a 307 names. A master
// that does not lead sends //host:port/path without a scheme (src/master/http.cpp,
// Master::Http::redirect), a proxy may send a whole URL; path is the API path
// that was asked for. Going from https to http is refused: it would send the
// credentials in the clear.
func redirected(base, path, location string) (string, error) {
	from, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("master URL %q: %w", base, err)
	}
	to, err := url.Parse(location)
	if err != nil {
		return "", fmt.Errorf("location of the leader: %w", err)
	}
	if to.Scheme == "" {
		to.Scheme = from.Scheme
	}
	if to.Host == "" || (to.Scheme != "http" && to.Scheme != "https") {
		return "", fmt.Errorf("location of the leader %q names no host", location)
	}
	if from.Scheme == "https" && to.Scheme == "http" {
		return "", fmt.Errorf("location of the leader %q leaves https", location)
	}
	prefix, found := strings.CutSuffix(to.Path, path)
	if !found {
		prefix = ""
	}
	return strings.TrimRight(to.Scheme+"://"+to.Host+prefix, "/"), nil
}

// ended notes the end of a subscription. A master that closed it, or fell
// silent, may not lead any more; the configured ones are asked again.
func (m *masters) ended(base string, cause error) {
	if !errors.Is(cause, errNotSubscribed) {
		m.failed(base)
	}
}
