package resources

import "slices"

// Amount is how much there is of one scalar resource, by its Mesos name.
type Amount struct {
	Name  string
	Milli Milli
}

// Scalars are amounts in name order, each name once and none of them zero. A
// slice is smaller than a map, made faster and, for the few kinds of resources
// there are, also searched faster.
type Scalars []Amount

// Get returns the amount of one scalar, zero if absent.
func (s Scalars) Get(name string) Milli {
	for i := range s {
		if s[i].Name == name {
			return s[i].Milli
		}
	}
	return 0
}

// with returns s with an amount added to one scalar. It may reuse s.
func (s Scalars) with(name string, amount Milli) Scalars {
	if amount == 0 {
		return s
	}
	for i := range s {
		switch {
		case s[i].Name == name:
			s[i].Milli += amount
			return s
		case s[i].Name > name:
			return slices.Insert(s, i, Amount{name, amount})
		}
	}
	return append(s, Amount{name, amount})
}

// The operations that combine applies to each name; absent is zero.
func sum(a, b Milli) Milli { return a + b }

func rest(a, b Milli) Milli {
	if a == 0 {
		return 0
	}
	return max(a-b, 0)
}

func smaller(a, b Milli) Milli {
	if a == 0 {
		return 0
	}
	return min(a, b)
}

// combine applies of to the amounts of every name in s or o. size is how many
// amounts to make room for.
func (s Scalars) combine(o Scalars, size int, of func(a, b Milli) Milli) Scalars {
	if size == 0 {
		return nil
	}
	out := make(Scalars, 0, size)
	for i, j := 0, 0; i < len(s) || j < len(o); {
		var next Amount
		switch {
		case j == len(o) || i < len(s) && s[i].Name < o[j].Name:
			next = Amount{s[i].Name, of(s[i].Milli, 0)}
			i++
		case i == len(s) || o[j].Name < s[i].Name:
			next = Amount{o[j].Name, of(0, o[j].Milli)}
			j++
		default:
			next = Amount{s[i].Name, of(s[i].Milli, o[j].Milli)}
			i++
			j++
		}
		if next.Milli != 0 {
			out = append(out, next)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// names counts those in s or o.
func (s Scalars) names(o Scalars) int {
	n := len(s) + len(o)
	for i := range s {
		if o.Get(s[i].Name) != 0 {
			n--
		}
	}
	return n
}
