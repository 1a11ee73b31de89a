package hl7v2

import "bytes"

// MaxBatch is the largest number of messages of one batch or frame.
const MaxBatch = 10_000

// Split cuts a batch (FHS, BHS, messages, BTS, FTS; HL7 v2.5.1 section 2.10.3) or several messages
// in one frame into single messages, each a part of data with its line ends. One message comes back
// as it is. Bytes without any MSH, or with anything outside of a message, are a *ParseError.
func Split(data []byte) ([][]byte, error) {
	s := splitter{data: data, start: -1}
	lead := leading(data)
	for at := lead; at < len(data); {
		end := lineEnd(data, at)
		if err := s.line(at, data[at:end]); err != nil {
			return nil, err
		}
		at = end + 1
	}
	s.finish(len(data))
	if len(s.messages) == 0 {
		return nil, &ParseError{Segment: "MSH", Sequence: 1, Code: CodeSequence, Reason: "there is no message"}
	}
	if len(s.messages) == 1 && !s.batch {
		return [][]byte{data}, nil
	}
	return s.messages, nil
}

// splitter is the state of one Split.
type splitter struct {
	data     []byte
	start    int // where the open message began, -1 for none
	batch    bool
	messages [][]byte
}

// line looks at the line that begins at offset at.
func (s *splitter) line(at int, line []byte) error {
	switch {
	case begins(line, "MSH"):
		s.finish(at)
		if len(s.messages) == MaxBatch {
			return &ParseError{Segment: "MSH", Sequence: MaxBatch + 1, Code: CodeInternal, Reason: "more messages than the limit"}
		}
		s.start = at
	case begins(line, "FHS"), begins(line, "BHS"), begins(line, "BTS"), begins(line, "FTS"):
		s.finish(at)
		s.batch = true
	case s.start < 0 && len(bytes.TrimSpace(line)) > 0:
		return &ParseError{Segment: "MSH", Sequence: len(s.messages) + 1, Code: CodeSequence, Reason: "the message does not begin with MSH"}
	}
	return nil
}

// finish closes the open message at offset end.
func (s *splitter) finish(end int) {
	if s.start >= 0 {
		s.messages = append(s.messages, s.data[s.start:end:end])
	}
	s.start = -1
}

// begins reports whether the line is a segment of that name, whatever its separator.
func begins(line []byte, name string) bool {
	return len(line) >= 3 && bytes.EqualFold(line[:3], []byte(name)) && (len(line) == 3 || !isAlnum(line[3]))
}

// lineEnd returns the offset of the \r or \n that ends the line at offset at, or the length.
func lineEnd[T string | []byte](data T, at int) int {
	for at < len(data) && data[at] != '\r' && data[at] != '\n' {
		at++
	}
	return at
}
