package hl7v2

import (
	"bytes"
	"strings"
)

const byteOrderMark = "\xef\xbb\xbf"

// Classes of bytes for the scan.
const (
	ordinary uint8 = iota
	fieldEnd
	segmentEnd
)

// index notes where segments and fields begin, from offset lead on. One pass over the bytes by a table
// of classes: fields are short, and a search for each separator would cost a call each.
func (m *Message) index(lead int) error {
	var class [256]uint8
	class[m.delims.Field] = fieldEnd
	class['\r'] = segmentEnd
	if cap(m.fields) == 0 {
		m.fields = make([]uint32, 0, strings.Count(m.text, string(rune(m.delims.Field))))
		m.segs = make([]span, 0, min(strings.Count(m.text, "\r")+1, MaxSegments))
	}

	text, fields := m.text, m.fields
	start, first := lead, 0
	for i := lead; i < len(text); i++ {
		switch class[text[i]] {
		case fieldEnd:
			fields = append(fields, uint32(i))
		case segmentEnd:
			if err := m.addSegment(start, i, first, len(fields)); err != nil {
				return err
			}
			start, first = i+1, len(fields)
		}
	}
	m.fields = fields
	return m.addSegment(start, len(text), first, len(fields))
}

// addSegment checks the form of one line and adds it; a blank line is passed over.
func (m *Message) addSegment(start, end, first, last int) error {
	line := m.text[start:end]
	if !isSegment(line, m.delims.Field) {
		if strings.TrimSpace(line) == "" {
			return nil
		}
		return &ParseError{
			Segment: nameOf(line), Sequence: m.count(nameOf(line)) + 1, Code: CodeDataType,
			Reason: "a line is not a segment: a three-character name and the field separator of MSH-1 are expected",
		}
	}
	shift := shiftOf(line[:3])
	if shift == 1 && len(m.segs) > 0 && strings.EqualFold(line[:3], "MSH") {
		return &ParseError{Segment: "MSH", Sequence: m.count("MSH") + 1, Code: CodeSequence, Reason: "a second message begins here"}
	}
	if len(m.segs) == MaxSegments {
		return &ParseError{Segment: strings.ToUpper(line[:3]), Code: CodeInternal, Reason: "more segments than the limit"}
	}
	m.segs = append(m.segs, span{uint32(start), uint32(end), uint32(first), uint32(last), shift})
	return nil
}

// shiftOf is 1 for the header segments, whose first field is the separator.
func shiftOf(name string) uint32 {
	if last := name[2] | 0x20; last == 'h' || last == 's' { // of nothing else is more asked
		if strings.EqualFold(name, "MSH") || strings.EqualFold(name, "FHS") || strings.EqualFold(name, "BHS") {
			return 1
		}
	}
	return 0
}

// count returns how many segments of that name there are so far.
func (m *Message) count(name string) int {
	n := 0
	for i := range m.segs {
		if m.is(i, name) {
			n++
		}
	}
	return n
}

// isSegment reports whether the line begins with a segment name: a letter, two letters or digits,
// then the field separator or the end (HL7 v2.5.1 section 2.5.2).
func isSegment[T ~string | ~[]byte](line T, field byte) bool {
	if len(line) < 3 || !isLetter(line[0]) || !isAlnum(line[1]) || !isAlnum(line[2]) {
		return false
	}
	return len(line) == 3 || line[3] == field
}

// nameOf returns the name a broken line seems to have, "" when it shows none. Only a name of letters
// and digits is shown, for an error must not carry a value.
func nameOf(line string) string {
	if len(line) > 3 && isLetter(line[0]) && isAlnum(line[1]) && isAlnum(line[2]) && !isAlnum(line[3]) {
		return strings.ToUpper(line[:3])
	}
	return ""
}

// leading returns the length of a byte order mark and of blank lines before the message.
func leading[T string | []byte](data T) int {
	i := 0
	if len(data) >= 3 && string(data[:3]) == byteOrderMark {
		i = len(byteOrderMark)
	}
	for i < len(data) && (data[i] == '\r' || data[i] == '\n') {
		i++
	}
	return i
}

// normalise returns the text with \n and \r\n as \r. In a message whose header ends in a lone \r,
// a \n within a line stays as it is where no segment follows: there it is text that a sender failed to escape.
func normalise(data string, lead int, field byte) string {
	if strings.IndexByte(data, '\n') < 0 {
		return data
	}
	hard := endsInReturn(data[lead:])
	out := make([]byte, 0, len(data))
	for i := range len(data) {
		switch {
		case data[i] != '\n':
			out = append(out, data[i])
		case i > 0 && data[i-1] == '\r':
			// the \r stands already
		case hard && !bytes.HasSuffix(out, []byte{'\r'}) && !breaksAfter(data[i+1:], field):
			out = append(out, '\n')
		default:
			out = append(out, '\r')
		}
	}
	return string(out)
}

// endsInReturn reports whether the first line ends in a lone \r.
func endsInReturn(data string) bool {
	i := strings.IndexAny(data, "\r\n")
	return i >= 0 && data[i] == '\r' && (i+1 == len(data) || data[i+1] != '\n')
}

// breaksAfter reports whether what follows a \n is the end, a blank line or a segment.
func breaksAfter(rest string, field byte) bool {
	line := rest[:lineEnd(rest, 0)]
	return line == "" || isSegment(line, field)
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func isAlnum(b byte) bool { return isLetter(b) || b >= '0' && b <= '9' }
