package offercache

// maxTombstones bounds the memory that rescinds of unknown offers can take.
// Most name offers that were accepted or declined a moment ago; one that
// precedes its OFFER is needed for milliseconds only.
const maxTombstones = 16384

// tombstones is a set of offer IDs that forgets its oldest when full. The zero
// value is empty.
type tombstones struct {
	ids  map[string]struct{}
	ring []string // in the order they came, next is the oldest once it is full
	next int
}

func (t *tombstones) add(id string) {
	if _, known := t.ids[id]; known {
		return
	}
	if t.ids == nil {
		t.ids = make(map[string]struct{})
	}
	t.ids[id] = struct{}{}
	if len(t.ring) < maxTombstones {
		t.ring = append(t.ring, id)
		return
	}
	delete(t.ids, t.ring[t.next])
	t.ring[t.next] = id
	t.next = (t.next + 1) % maxTombstones
}

// remove reports whether id was there. An offer comes only once, so that its
// tombstone has then done its work.
func (t *tombstones) remove(id string) bool {
	_, known := t.ids[id]
	delete(t.ids, id)
	return known
}

func (t *tombstones) len() int { return len(t.ids) }
