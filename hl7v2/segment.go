package hl7v2

import "strings"

// Segment is one segment of a message. The zero Segment is invalid: it has no name and no fields.
type Segment struct {
	m *Message
	i int
}

// Valid reports whether the segment exists.
func (s Segment) Valid() bool { return s.m != nil }

// Name returns the three-character name in upper case.
func (s Segment) Name() string {
	if !s.Valid() {
		return ""
	}
	return strings.ToUpper(s.Raw()[:3])
}

// Index returns the position in the message, 0-based; -1 for an invalid segment.
func (s Segment) Index() int {
	if !s.Valid() {
		return -1
	}
	return s.i
}

// Sequence returns which of its name the segment is, 1-based; 0 for an invalid one.
func (s Segment) Sequence() int {
	if !s.Valid() {
		return 0
	}
	return s.m.occurrence(s.i)
}

// Raw returns the segment as received, without its end.
func (s Segment) Raw() string {
	if !s.Valid() {
		return ""
	}
	at := s.m.segs[s.i]
	return s.m.text[at.start:at.end]
}

// FieldCount returns the number of the last field that is there, even empty.
func (s Segment) FieldCount() int {
	if !s.Valid() {
		return 0
	}
	at := &s.m.segs[s.i]
	return int(at.last - at.first + at.shift)
}

// Field returns field n, 1-based. MSH-1 is the separator itself, MSH-2 the encoding characters
// (HL7 v2.5.1 section 2.15.9); FHS and BHS likewise.
func (s Segment) Field(n int) Field {
	if n < 1 || n > s.FieldCount() {
		return Field{}
	}
	at := &s.m.segs[s.i]
	k := at.first + uint32(n) - 1 - at.shift
	if at.shift == 1 && n == 1 {
		return Field{raw: s.m.text[at.start+3 : at.start+4], literal: true}
	}
	end := at.end
	if k+1 < at.last {
		end = s.m.fields[k+1]
	}
	return Field{raw: s.m.text[s.m.fields[k]+1 : end], d: &s.m.delims, literal: at.shift == 1 && n == 2}
}

// Field is one field with its repetitions. The zero Field is absent.
type Field struct {
	raw     string
	d       *Delimiters
	literal bool // MSH-1 and MSH-2: nothing in it separates
}

// Raw returns the field as received.
func (f Field) Raw() string { return f.raw }

// Valued reports whether the field holds anything but separators and the null value.
func (f Field) Valued() bool { return f.literal && f.raw != "" || valued(f.raw, f.d) }

// Null reports whether the field is "", which asks the receiver to delete what it holds.
func (f Field) Null() bool { return f.raw == null }

// Repetitions returns how many repetitions the field has; an empty field has none.
func (f Field) Repetitions() int {
	if f.literal {
		return 1
	}
	return parts(f.raw, separator(f.d, repetition))
}

// Rep returns repetition n, 1-based.
func (f Field) Rep(n int) Repetition {
	if f.literal {
		return Repetition{raw: nthPart(f.raw, 0, n), literal: true}
	}
	return Repetition{raw: nthPart(f.raw, separator(f.d, repetition), n), d: f.d}
}

// Repetition is one repetition of a field.
type Repetition struct {
	raw     string
	d       *Delimiters
	literal bool
}

// Raw returns the repetition as received.
func (r Repetition) Raw() string { return r.raw }

// Text returns the whole repetition unescaped, its separators kept; "" for the null value.
func (r Repetition) Text() string { return text(r.raw, r.d) }

// Valued reports whether the repetition holds anything but separators and the null value.
func (r Repetition) Valued() bool { return r.literal && r.raw != "" || valued(r.raw, r.d) }

// Null reports whether the repetition is "".
func (r Repetition) Null() bool { return r.raw == null }

// Components returns the number of components; an empty repetition has none.
func (r Repetition) Components() int {
	if r.literal {
		return 1
	}
	return parts(r.raw, separator(r.d, component))
}

// Component returns component n, 1-based.
func (r Repetition) Component(n int) Component {
	if r.literal {
		return Component{raw: nthPart(r.raw, 0, n)}
	}
	return Component{raw: nthPart(r.raw, separator(r.d, component), n), d: r.d}
}

// Component is one component of a repetition.
type Component struct {
	raw string
	d   *Delimiters // nil: nothing in it separates
}

// Raw returns the component as received.
func (c Component) Raw() string { return c.raw }

// Text returns the whole component unescaped, its separators kept; "" for the null value.
func (c Component) Text() string { return text(c.raw, c.d) }

// Valued reports whether the component holds anything but separators and the null value.
func (c Component) Valued() bool { return valued(c.raw, c.d) }

// Null reports whether the component is "".
func (c Component) Null() bool { return c.raw == null }

// Subs returns the number of subcomponents; an empty component has none.
func (c Component) Subs() int { return parts(c.raw, separator(c.d, subcomponent)) }

// Sub returns the text of subcomponent n, 1-based, unescaped; "" when absent or null.
func (c Component) Sub(n int) string { return text(c.RawSub(n), c.d) }

// RawSub returns subcomponent n, 1-based, as received.
func (c Component) RawSub(n int) string { return nthPart(c.raw, separator(c.d, subcomponent), n) }
