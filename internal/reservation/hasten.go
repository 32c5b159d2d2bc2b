package reservation

import "fmt"

// Hasten fails the binds that wait for offers and have sent nothing to Mesos
// yet: the replica is asked to end, and its successor can serve them sooner than
// the offers may come. Binds whose RESERVE has left go on.
func (m *Manager) Hasten() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if r.state == Held {
			m.dismiss(r, fmt.Errorf("%w: this replica hands over", ErrReleased))
		}
	}
}
