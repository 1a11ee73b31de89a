// Package hl7v2 reads and writes HL7 v2 in its ER7 form (vertical bars), byte for byte:
// messages, paths such as PID-3[2].1, escapes, acknowledgements and the MLLP frame.
// It knows the syntax and no meaning: that belongs to package translate.
package hl7v2

import (
	"iter"
	"strings"
)

// Bounds of one message. A message beyond them is refused, never cut.
const (
	MaxBytes    = 32 << 20 // bytes of one message
	MaxSegments = 100_000  // segments of one message
)

// Message is one parsed message: its text and an index of where segments and fields begin.
// Until a Reset it never changes and may be read by many goroutines. The zero Message is empty.
type Message struct {
	text   string // line ends normalised to \r, all else as received
	delims Delimiters
	segs   []span
	fields []uint32 // offset of every field separator, segment after segment
}

// span is one segment: text[start:end], its field separators fields[first:last].
type span struct {
	start, end, first, last uint32
	shift                   uint32 // 1 for MSH, FHS and BHS, whose first field is the separator
}

// Parse reads one message. Segments may end in \r, \n or \r\n; a byte order mark, blank lines
// and lower-case segment names are tolerated and kept. Errors are a *ParseError.
func Parse(data []byte) (*Message, error) {
	if len(data) > MaxBytes {
		return nil, errTooLarge() // before it is copied
	}
	m := &Message{}
	if err := m.Reset(string(data)); err != nil {
		return nil, err
	}
	return m, nil
}

// Reset reads another message into m as Parse does, in the memory that m has: reading one message
// after another allocates nothing where line ends are \r. Text that was read from m before stays good;
// Segments do not. After an error m is empty.
func (m *Message) Reset(text string) error {
	*m = Message{segs: m.segs[:0], fields: m.fields[:0]}
	if len(text) > MaxBytes {
		return errTooLarge()
	}
	begin := leading(text)
	delims, err := readDelimiters(text[begin:])
	if err != nil {
		return err
	}
	m.text, m.delims = normalise(text, begin, delims.Field), delims
	if err := m.index(leading(m.text)); err != nil {
		*m = Message{segs: m.segs[:0], fields: m.fields[:0]}
		return err
	}
	return nil
}

func errTooLarge() error {
	return &ParseError{Segment: "MSH", Code: CodeInternal, Reason: "message is larger than the limit"}
}

// Delimiters returns the delimiters that MSH-1 and MSH-2 declare.
func (m *Message) Delimiters() Delimiters { return m.delims }

// Len returns the number of segments.
func (m *Message) Len() int { return len(m.segs) }

// Segment returns the i-th segment, 0-based, or an invalid Segment.
func (m *Message) Segment(i int) Segment {
	if i < 0 || i >= len(m.segs) {
		return Segment{}
	}
	return Segment{m: m, i: i}
}

// All yields the segments of that name in order; the case of letters does not matter.
func (m *Message) All(name string) iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		for i := range m.segs {
			if m.is(i, name) && !yield(Segment{m: m, i: i}) {
				return
			}
		}
	}
}

// First returns the first segment of that name, or an invalid Segment.
func (m *Message) First(name string) Segment { return m.nth(name, 1) }

// Encode returns the message as it was read, with \r at every segment end.
// A byte order mark, blank lines and a missing last \r stay as they were.
func (m *Message) Encode() []byte { return []byte(m.text) }

// AppendTo appends the message to dst as Encode gives it.
func (m *Message) AppendTo(dst []byte) []byte { return append(dst, m.text...) }

// nth returns the n-th segment of that name, 1-based.
func (m *Message) nth(name string, n int) Segment {
	for i := range m.segs {
		if !m.is(i, name) {
			continue
		}
		if n--; n == 0 {
			return Segment{m: m, i: i}
		}
	}
	return Segment{}
}

// is reports whether segment i has that name.
func (m *Message) is(i int, name string) bool {
	at := m.segs[i].start // a segment has a name of three characters
	have := m.text[at : at+3]
	return have == name || len(name) == 3 && strings.EqualFold(have, name)
}

// occurrence returns which of its name segment i is, 1-based.
func (m *Message) occurrence(i int) int {
	n := 0
	name := m.text[m.segs[i].start : m.segs[i].start+3]
	for j := range i + 1 {
		if m.is(j, name) {
			n++
		}
	}
	return n
}
