package hl7v2

import (
	"cmp"
	"fmt"
	"strings"
)

// Builder writes one message segment by segment.
type Builder struct {
	d        Delimiters
	segments []*SegmentBuilder
	err      error
}

// NewBuilder returns a Builder that writes with d; what d leaves open is taken from the default,
// and delimiters that cannot be used are replaced by the default ones.
func NewBuilder(d Delimiters) *Builder { return &Builder{d: d.filled()} }

// filled returns d with every delimiter that a value can be escaped with.
func (d Delimiters) filled() Delimiters {
	def := DefaultDelimiters
	f := Delimiters{
		cmp.Or(d.Field, def.Field), cmp.Or(d.Component, def.Component), cmp.Or(d.Repetition, def.Repetition),
		cmp.Or(d.Escape, def.Escape), cmp.Or(d.Subcomponent, def.Subcomponent), d.Truncation,
	}
	if !f.Complete() {
		return def
	}
	return f
}

// Segment adds a segment. MSH, FHS and BHS get their fields 1 and 2 by themselves.
func (b *Builder) Segment(name string) *SegmentBuilder {
	if !isSegment(name, 0) || len(name) != 3 {
		b.fail(fmt.Errorf("segment name %q: %w", name, errPath))
	}
	s := &SegmentBuilder{b: b, name: name}
	b.segments = append(b.segments, s)
	return s
}

// Err returns the first segment name or path that was not one.
func (b *Builder) Err() error { return b.err }

// Bytes returns the message, every segment ended by \r, no empty parts at any end.
func (b *Builder) Bytes() []byte {
	var out []byte
	for _, s := range b.segments {
		out = append(s.append(out), '\r')
	}
	return out
}

// fail keeps the first error.
func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// SegmentBuilder writes one segment.
type SegmentBuilder struct {
	b      *Builder
	name   string
	fields [][][][]string // field, repetition, component, subcomponent; escaped
}

// Set puts text, escaped, at a path within the segment: "3", "3[2].4", "3[2].4.1", 1-based.
// An empty text leaves the place empty; no text can become the null value.
func (s *SegmentBuilder) Set(path, text string) *SegmentBuilder {
	return s.put(path, Escape(text, s.b.d))
}

// SetRaw puts raw at a path as it is, separators and escapes included; only what would end the
// field, the segment or the frame is escaped. It is the way to write the null value "".
func (s *SegmentBuilder) SetRaw(path, raw string) *SegmentBuilder {
	return s.put(path, s.b.d.contain(raw))
}

// contain escapes what may not stand in a raw field: the field separator and control bytes.
func (d Delimiters) contain(raw string) string {
	ends := func(b byte) bool { return b < ' ' || b == 0x7f || b == d.Field }
	if strings.IndexFunc(raw, func(r rune) bool { return r < 0x80 && ends(byte(r)) }) < 0 {
		return raw
	}
	var out []byte
	for i := range len(raw) {
		if ends(raw[i]) {
			out = d.appendEscape(out, raw[i])
		} else {
			out = append(out, raw[i])
		}
	}
	return string(out)
}

// put stores an escaped value.
func (s *SegmentBuilder) put(path, escaped string) *SegmentBuilder {
	var p Path
	if !p.readField(path) {
		s.b.fail(fmt.Errorf("path %s-%s: %w", s.name, path, errPath))
		return s
	}
	if escaped == "" {
		return s
	}
	reps := grow(&s.fields, p.Field)
	comps := grow(reps, max(p.Repetition, 1))
	subs := grow(comps, max(p.Component, 1))
	*grow(subs, max(p.Subcomponent, 1)) = escaped
	return s
}

// grow makes list n long and returns its element n, 1-based.
func grow[T any](list *[]T, n int) *T {
	for len(*list) < n {
		var zero T
		*list = append(*list, zero)
	}
	return &(*list)[n-1]
}

// append appends the segment.
func (s *SegmentBuilder) append(out []byte) []byte {
	d := s.b.d
	out = append(out, s.name...)
	first := 1
	if s.name == "MSH" || s.name == "FHS" || s.name == "BHS" {
		out = append(append(out, d.Field), d.Encoding()...)
		first = 3
	}
	for n := first; n <= len(s.fields); n++ {
		out = append(out, d.Field)
		out = d.appendField(out, s.fields[n-1])
	}
	return out
}

// appendField appends one field without separators at its ends.
func (d Delimiters) appendField(out []byte, reps [][][]string) []byte {
	for i, comps := range reps {
		if i > 0 {
			out = append(out, d.Repetition)
		}
		for j, subs := range comps {
			if j > 0 {
				out = append(out, d.Component)
			}
			out = append(out, strings.Join(subs, string(rune(d.Subcomponent)))...)
		}
	}
	return out
}
