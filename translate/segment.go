package translate

import (
	"strings"
	"unicode/utf8"

	"caregate/hl7v2"
)

// segment is one segment with its fields as raw repetitions in default delimiters.
type segment struct {
	name   string
	seq    int // which of its name, 1-based
	fields [][]string
	bytes  []int // fields that were not UTF-8
}

// reps returns the repetitions of field n, nil where it is empty.
func (s *segment) reps(n int) []string {
	if s == nil || n < 1 || n > len(s.fields) {
		return nil
	}
	return s.fields[n-1]
}

// put sets the repetitions of field n; trailing empty ones are dropped.
func (s *segment) put(n int, reps []string) {
	for len(reps) > 0 && reps[len(reps)-1] == "" {
		reps = reps[:len(reps)-1]
	}
	for len(s.fields) < n {
		s.fields = append(s.fields, nil)
	}
	s.fields[n-1] = reps
}

// field returns the raw text of field n.
func (s *segment) field(n int) string { return strings.Join(s.reps(n), "~") }

// text returns the unescaped text of component c of the first repetition of field n.
func (s *segment) text(n, c int) string {
	reps := s.reps(n)
	if len(reps) == 0 {
		return ""
	}
	comp := reps[0]
	for ; c > 1; c-- {
		_, comp, _ = strings.Cut(comp, "^")
	}
	comp, _, _ = strings.Cut(comp, "^")
	comp, _, _ = strings.Cut(comp, "&")
	return unescape(comp)
}

// valued tells whether any field is valued.
func (s *segment) valued() bool {
	for n := range s.fields {
		if s.field(n+1) != "" {
			return true
		}
	}
	return false
}

// String returns the segment as it stands in a message, without its end.
func (s *segment) String() string {
	var b strings.Builder
	b.WriteString(s.name)
	for n := range s.fields {
		if s.name == "MSH" && n == 0 {
			continue
		}
		b.WriteByte('|')
		b.WriteString(s.field(n + 1))
	}
	return strings.TrimRight(b.String(), "|")
}

// readSegments reads every segment of a message into default delimiters.
func readSegments(m *hl7v2.Message) []*segment {
	segs := make([]*segment, 0, m.Len())
	seen := map[string]int{}
	var room []string
	for i := range m.Len() {
		s := m.Segment(i)
		seen[s.Name()]++
		seg := &segment{name: s.Name(), seq: seen[s.Name()], fields: make([][]string, 0, s.FieldCount())}
		for n := 1; n <= s.FieldCount(); n++ {
			reps := readField(&room, seg.name, n, s.Field(n), m.Delimiters())
			if !utf8.ValidString(s.Field(n).Raw()) {
				seg.bytes = append(seg.bytes, n)
			}
			seg.put(n, reps)
		}
		segs = append(segs, seg)
	}
	return segs
}

// readField reads the repetitions of one field. MSH-1 and MSH-2 become the default ones.
// It takes them from the room, of which there is more where it is used up.
func readField(room *[]string, name string, n int, f hl7v2.Field, d hl7v2.Delimiters) []string {
	if name == "MSH" && n <= 2 {
		return []string{[]string{string(delims.Field), delims.Encoding()}[n-1]}
	}
	count := f.Repetitions()
	if cap(*room)-len(*room) < count {
		*room = make([]string, 0, max(count, 128))
	}
	first := len(*room)
	for r := 1; r <= count; r++ {
		*room = append(*room, visible(transcode(f.Rep(r), d)))
	}
	return (*room)[first:len(*room):len(*room)]
}

// transcode returns a repetition in default delimiters.
func transcode(r hl7v2.Repetition, d hl7v2.Delimiters) string {
	declared := d.Truncation
	d.Truncation = 0
	if d == delims && (declared == 0 || !strings.Contains(r.Raw(), `\P\`)) {
		return r.Raw()
	}
	d.Truncation = declared
	var v value
	for c := 1; c <= r.Components(); c++ {
		var subs []string
		for s := 1; s <= r.Component(c).Subs(); s++ {
			subs = append(subs, transcodeLeaf(r.Component(c).RawSub(s), d))
		}
		v = append(v, append(subs, ""))
	}
	return v.String()
}

func transcodeLeaf(raw string, d hl7v2.Delimiters) string {
	if raw == null {
		return raw
	}
	return escape(hl7v2.Unescape(raw, d))
}
