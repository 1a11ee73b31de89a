package workbench

import (
	"slices"

	"caregate/hl7v2"
)

// Difference is one place where two messages differ: a segment that one of them lacks, or
// a leaf with two values. A value that is not there is "".
type Difference struct {
	Path  string `json:"path"`           // "PID-5.2", "OBX(2)-5"; "NK1(2)" for a whole segment
	Only  string `json:"only,omitempty"` // "first" or "second": the message that has the segment
	First string `json:"first,omitempty"`
	Other string `json:"second,omitempty"`
}

// Diff compares two messages leaf by leaf: which segment, field, component differs.
// Delimiters, line ends and the way something is escaped make no difference. Segments are
// paired in order, equal ones first; a path counts as the first message does, or as the
// second where only that one has it. Of batches the first messages are compared, then the
// second ones, with their number before each path. It writes values, so it is for files that
// the reader has anyway. It fails with the *hl7v2.ParseError of either message.
func Diff(first, second []byte) ([]Difference, error) {
	a, err := messagesIn(first)
	if err != nil {
		return nil, err
	}
	b, err := messagesIn(second)
	if err != nil {
		return nil, err
	}
	var out []Difference
	most := max(len(a), len(b))
	for i := range most {
		switch number := numberOf(i, most); {
		case i >= len(b):
			out = append(out, Difference{Path: number + "MSH", Only: "first"})
		case i >= len(a):
			out = append(out, Difference{Path: number + "MSH", Only: "second"})
		default:
			found, err := diffOne(a[i], b[i])
			if err != nil {
				return nil, err
			}
			for _, d := range found {
				d.Path = number + d.Path
				out = append(out, d)
			}
		}
	}
	return out, nil
}

func diffOne(first, second []byte) ([]Difference, error) {
	a, err := hl7v2.Parse(first)
	if err != nil {
		return nil, err
	}
	b, err := hl7v2.Parse(second)
	if err != nil {
		return nil, err
	}
	var out []Difference
	left, right := numbered(a), numbered(b)
	for _, pair := range align(left, right) {
		switch {
		case pair[1] < 0:
			out = append(out, Difference{Path: left[pair[0]].at.String(), Only: "first"})
		case pair[0] < 0:
			out = append(out, Difference{Path: right[pair[1]].at.String(), Only: "second"})
		default:
			out = append(out, compare(left[pair[0]], right[pair[1]])...)
		}
	}
	return out, nil
}

// part is a segment, where it stands, and its leaves in order.
type part struct {
	at     hl7v2.Path
	leaves []leaf
}

type leaf struct {
	at    hl7v2.Path
	value string
}

func numbered(m *hl7v2.Message) []part {
	seen := map[string]int{}
	parts := make([]part, 0, m.Len())
	for i := range m.Len() {
		s := m.Segment(i)
		seen[s.Name()]++
		at := hl7v2.Path{Segment: s.Name(), Sequence: seen[s.Name()]}
		parts = append(parts, part{at: at, leaves: leavesOf(s, at)})
	}
	return parts
}

// leavesOf returns the valued leaves of a segment. MSH-1 and MSH-2 say how the others are written, not what.
func leavesOf(s hl7v2.Segment, at hl7v2.Path) []leaf {
	var out []leaf
	first := 1
	if at.Segment == "MSH" {
		first = 3
	}
	for n := first; n <= s.FieldCount(); n++ {
		field := s.Field(n)
		for r := 1; r <= field.Repetitions(); r++ {
			at.Field, at.Repetition = n, r
			out = append(out, leavesIn(field.Rep(r), at)...)
		}
	}
	return out
}

func leavesIn(rep hl7v2.Repetition, at hl7v2.Path) []leaf {
	var out []leaf
	for c := 1; c <= rep.Components(); c++ {
		component := rep.Component(c)
		for n := 1; n <= component.Subs(); n++ {
			value := component.Sub(n)
			if component.RawSub(n) == `""` {
				value = `""`
			}
			if value != "" {
				at.Component, at.Subcomponent = c, n
				out = append(out, leaf{at: at, value: value})
			}
		}
	}
	return out
}

// same tells whether two segments say the same.
func (p part) same(q part) bool {
	return p.at.Segment == q.at.Segment && slices.EqualFunc(p.leaves, q.leaves, func(a, b leaf) bool {
		return a.value == b.value && spot(a.at) == spot(b.at)
	})
}

// spot is where a leaf stands in its segment, whichever segment of its name that is.
func spot(at hl7v2.Path) hl7v2.Path {
	at.Sequence = 0
	return at
}

// compare returns the leaves in which two segments of one name differ, in order.
func compare(a, b part) []Difference {
	var out []Difference
	i, k := 0, 0
	for i < len(a.leaves) || k < len(b.leaves) {
		order := -1
		switch {
		case i == len(a.leaves):
			order = 1
		case k < len(b.leaves):
			order = before(a.leaves[i].at, b.leaves[k].at)
		}
		switch {
		case order < 0:
			out = append(out, Difference{Path: shown(a.leaves[i].at), First: a.leaves[i].value})
			i++
		case order > 0:
			at := b.leaves[k].at
			at.Sequence = a.at.Sequence
			out = append(out, Difference{Path: shown(at), Other: b.leaves[k].value})
			k++
		default:
			if a.leaves[i].value != b.leaves[k].value {
				out = append(out, Difference{Path: shown(a.leaves[i].at), First: a.leaves[i].value, Other: b.leaves[k].value})
			}
			i, k = i+1, k+1
		}
	}
	return out
}

func before(a, b hl7v2.Path) int {
	return slices.Compare(
		[]int{a.Field, a.Repetition, a.Component, a.Subcomponent},
		[]int{b.Field, b.Repetition, b.Component, b.Subcomponent},
	)
}

// shown leaves out the subcomponent and component where there is but the first.
func shown(at hl7v2.Path) string {
	if at.Subcomponent == 1 {
		at.Subcomponent = 0
	}
	if at.Repetition == 1 {
		at.Repetition = 0
	}
	return at.String()
}
