package hl7v2

import "strings"

// Delimiters are the separators of one message, from MSH-1 and MSH-2 (HL7 v2.5.1 section 2.5.4).
// 0 stands for one that the message does not declare.
type Delimiters struct {
	Field, Component, Repetition, Escape, Subcomponent byte
	Truncation                                         byte // fifth character of MSH-2, since v2.7
}

// DefaultDelimiters are the recommended ones: |^~\&.
var DefaultDelimiters = Delimiters{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&'}

// Complete reports whether the five delimiters that every value can be escaped with are there,
// usable and different from each other.
func (d Delimiters) Complete() bool {
	return d.Component != 0 && d.Repetition != 0 && d.Escape != 0 && d.Subcomponent != 0 && d.sound()
}

// Encoding returns MSH-2.
func (d Delimiters) Encoding() string {
	out := make([]byte, 0, 5)
	for _, b := range [...]byte{d.Component, d.Repetition, d.Escape, d.Subcomponent, d.Truncation} {
		if b != 0 {
			out = append(out, b)
		}
	}
	return string(out)
}

// sound reports whether the declared delimiters are punctuation and all different.
func (d Delimiters) sound() bool {
	seen := [256]bool{}
	for i, b := range [...]byte{d.Field, d.Component, d.Repetition, d.Escape, d.Subcomponent, d.Truncation} {
		if b == 0 && i > 0 {
			continue
		}
		if b <= ' ' || b > '~' || isAlnum(b) || seen[b] {
			return false
		}
		seen[b] = true
	}
	return true
}

// readDelimiters reads MSH-1 and MSH-2 of a message that begins at data[0].
func readDelimiters[T string | []byte](data T) (Delimiters, error) {
	if len(data) < 3 || !strings.EqualFold(string(data[:3]), "MSH") {
		return Delimiters{}, &ParseError{Segment: "MSH", Sequence: 1, Code: CodeSequence, Reason: "the message does not begin with MSH"}
	}
	return headerDelimiters(data, "MSH")
}

// headerDelimiters reads fields 1 and 2 of MSH, FHS or BHS.
func headerDelimiters[T string | []byte](data T, name string) (Delimiters, error) {
	if len(data) < 5 {
		return Delimiters{}, &ParseError{Segment: name, Sequence: 1, Field: 1, Code: CodeMissing, Reason: "the separators are missing"}
	}
	d := Delimiters{Field: data[3]}
	rest := data[4:]
	end := 0
	for end < len(rest) && rest[end] != d.Field && rest[end] != '\r' && rest[end] != '\n' {
		end++
	}
	if d.Field >= 0x80 || end == len(rest) {
		end = min(len(rest), 8)
	}
	if end == 0 {
		return Delimiters{}, &ParseError{Segment: name, Sequence: 1, Field: 2, Code: CodeMissing, Reason: "the encoding characters are missing"}
	}
	declared := undouble(string(rest[:min(end, 8)]))
	if len(declared) > 5 {
		return Delimiters{}, &ParseError{Segment: name, Sequence: 1, Field: 2, Code: CodeDataType, Reason: "one to five encoding characters are expected"}
	}
	for i, target := range [...]*byte{&d.Component, &d.Repetition, &d.Escape, &d.Subcomponent, &d.Truncation} {
		if i < len(declared) {
			*target = declared[i]
		}
	}
	if !d.sound() {
		return Delimiters{}, &ParseError{Segment: name, Sequence: 1, Field: 2, Code: CodeDataType, Reason: "the separators are not different punctuation characters"}
	}
	return d, nil
}

// undouble reads ^~\\& as ^~\&: some senders escape the backslash of MSH-2 as a program text would.
func undouble(declared string) string {
	if len(declared) >= 5 && declared[2] == declared[3] {
		return declared[:3] + declared[4:]
	}
	return declared
}
