package filter

import "strings"

// Names are the names of the nodes of one call, in the order they came. They
// are parts of one text, mostly the call's body, and good only as long as that
// is: what is kept beyond is copied.
type Names struct {
	text  []byte
	spans []Span
}

// Span is where in the text a name begins and ends. Unlike strings, spans are
// nothing to the garbage collector, and nothing is copied for them.
type Span struct{ From, To uint32 }

// NamesIn returns the names that stand in a text of less than 4 GiB.
func NamesIn(text []byte, spans []Span) Names { return Names{text, spans} }

// NamesOf returns these names.
func NamesOf(names ...string) Names {
	n := Names{spans: make([]Span, len(names))}
	for i, name := range names {
		from := uint32(len(n.text))
		n.text = append(n.text, name...)
		n.spans[i] = Span{from, uint32(len(n.text))}
	}
	return n
}

// Len returns how many there are.
func (n Names) Len() int { return len(n.spans) }

// At returns the name i.
func (n Names) At(i int) []byte {
	s := n.spans[i]
	return n.text[s.From:s.To]
}

// Slice returns the names from, from+1, … to-1.
func (n Names) Slice(from, to int) Names { return Names{n.text, n.spans[from:to]} }

// Copy returns copies of the chosen names.
func (n Names) Copy(chosen []int) []string {
	var text strings.Builder
	length := 0
	for _, i := range chosen {
		length += len(n.At(i))
	}
	text.Grow(length)
	out := make([]string, len(chosen))
	for i, at := range chosen {
		from := text.Len()
		text.Write(n.At(at))
		out[i] = text.String()[from:]
	}
	return out
}

// CopyAll returns copies of all names.
func (n Names) CopyAll() []string {
	text, out := string(n.text), make([]string, n.Len())
	for i, s := range n.spans {
		out[i] = text[s.From:s.To]
	}
	return out
}
