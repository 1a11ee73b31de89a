package hl7v2

import (
	"errors"
	"strconv"
)

// Path is a place in a message, the parts of data type ERL: "PID-3[2].4.2", "OBX(2)-5".
// All numbers are 1-based; 0 means not that deep, and for Sequence and Repetition the first.
type Path struct {
	Segment                                              string
	Sequence, Field, Repetition, Component, Subcomponent int
}

// ErrLocation is a Path where it stands in ERR-2 (data type ERL).
type ErrLocation = Path

// maxPart bounds every number of a path.
const maxPart = 100_000

var errPath = errors.New("not a path such as PID-3[2].4.1")

// ParsePath reads "SEG", "SEG(n)-f", "SEG-f[r].c.s".
func ParsePath(s string) (Path, error) {
	if len(s) < 3 || !isSegment(s[:3], 0) {
		return Path{}, errPath
	}
	sequence, rest, ok := bracketed(s[3:], '(', ')')
	if !ok {
		return Path{}, errPath
	}
	p := Path{Segment: s[:3], Sequence: sequence}
	if rest == "" {
		return p, nil
	}
	if rest[0] != '-' || !p.readField(rest[1:]) {
		return Path{}, errPath
	}
	return p, nil
}

// readField reads "3[2].4.1" and reports whether it is one.
func (p *Path) readField(s string) bool {
	var ok bool
	if p.Field, s, ok = number(s); !ok {
		return false
	}
	if p.Repetition, s, ok = bracketed(s, '[', ']'); !ok {
		return false
	}
	for _, part := range [...]*int{&p.Component, &p.Subcomponent} {
		if s == "" {
			return true
		}
		if s[0] != '.' {
			return false
		}
		if *part, s, ok = number(s[1:]); !ok {
			return false
		}
	}
	return s == ""
}

// String returns the path in the form that ParsePath reads; first occurrences are not numbered.
func (p Path) String() string { return string(p.AppendTo(make([]byte, 0, 32))) }

// AppendTo appends what String returns.
func (p Path) AppendTo(out []byte) []byte {
	out = append(out, p.Segment...)
	if p.Sequence > 1 {
		out = append(strconv.AppendInt(append(out, '('), int64(p.Sequence), 10), ')')
	}
	if p.Field == 0 {
		return out
	}
	out = strconv.AppendInt(append(out, '-'), int64(p.Field), 10)
	if p.Repetition > 1 {
		out = append(strconv.AppendInt(append(out, '['), int64(p.Repetition), 10), ']')
	}
	if p.Component > 0 {
		out = strconv.AppendInt(append(out, '.'), int64(p.Component), 10)
	}
	if p.Component > 0 && p.Subcomponent > 0 {
		out = strconv.AppendInt(append(out, '.'), int64(p.Subcomponent), 10)
	}
	return out
}

// Get returns the text at a path, unescaped, "" when it is absent, null or not a path.
// It goes exactly as deep as the path: "PID-5" is the whole first repetition with its separators,
// "PID-5.1" the component with its subcomponents, "PID-5.1.1" the subcomponent.
func (m *Message) Get(path string) string {
	p, err := ParsePath(path)
	if err != nil {
		return ""
	}
	return m.At(p)
}

// At returns the text at a path as Get does.
func (m *Message) At(p Path) string {
	r := m.nth(p.Segment, max(p.Sequence, 1)).Field(p.Field).Rep(max(p.Repetition, 1))
	switch {
	case p.Component == 0:
		return r.Text()
	case p.Subcomponent == 0:
		return r.Component(p.Component).Text()
	}
	return r.Component(p.Component).Sub(p.Subcomponent)
}

// number reads a number from 1 to maxPart at the beginning of s.
func number(s string) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' && n <= maxPart {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], n > 0 && n <= maxPart
}

// bracketed reads an optional "[n]".
func bracketed(s string, open, end byte) (n int, rest string, ok bool) {
	if s == "" || s[0] != open {
		return 0, s, true
	}
	n, rest, ok = number(s[1:])
	if !ok || rest == "" || rest[0] != end {
		return 0, s, false
	}
	return n, rest[1:], true
}
