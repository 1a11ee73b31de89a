package fhir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of Parse. A document past any of them is refused whole.
const (
	MaxDepth      = 64       // nested arrays and objects
	MaxNodes      = 200_000  // JSON values in one document
	MaxBytes      = 32 << 20 // bytes of one document
	MaxNumberText = 1_000    // characters of one number
)

// Limits bounds one ParseWithin, for documents that are known to be larger than messages are.
type Limits struct{ Nodes, Bytes int }

// ParseError says why a document was refused and where; it never carries a value of the document.
type ParseError struct {
	Reason  string // what is wrong, in plain words
	Pointer string // JSON pointer of the place, as far as it was reached
	Offset  int64  // byte offset
}

// Error names the reason and the place, never a value.
func (e *ParseError) Error() string {
	return fmt.Sprintf("%s at %s (byte %d)", e.Reason, cmpOr(e.Pointer, "/"), e.Offset)
}

func cmpOr(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// Parse reads one FHIR JSON document strictly, so that policy and partner can never
// see two different documents: duplicate or case-variant member names, invalid UTF-8,
// nulls outside primitive arrays, trailing data and excessive size are refused.
func Parse(data []byte) (*Node, error) {
	return ParseWithin(data, Limits{Nodes: MaxNodes, Bytes: MaxBytes})
}

// ParseWithin is Parse with other bounds of size.
func ParseWithin(data []byte, limits Limits) (*Node, error) {
	if len(data) > limits.Bytes {
		return nil, &ParseError{Reason: fmt.Sprintf("document is larger than %d bytes", limits.Bytes)}
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return nil, &ParseError{Reason: "byte order mark is not allowed in JSON"}
	}
	p := parser{dec: jsontext.NewDecoder(bytes.NewBuffer(data)), left: limits.Nodes}
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, p.fail("data after the end of the document")
	}
	return root, nil
}

type parser struct {
	dec  *jsontext.Decoder
	left int // values that may still come
}

func (p *parser) fail(reason string) error {
	return &ParseError{Reason: reason, Pointer: safePointer(p.dec.StackPointer()), Offset: p.dec.InputOffset()}
}

// safePointer cuts a pointer at the first name that is not a plain FHIR element name:
// a hostile member name must not travel into logs.
func safePointer(ptr jsontext.Pointer) string {
	var b strings.Builder
	for token := range ptr.Tokens() {
		for _, r := range token {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' {
				return b.String() + "/?"
			}
		}
		if len(token) > 64 {
			return b.String() + "/?"
		}
		b.WriteString("/" + token)
	}
	return b.String()
}

func (p *parser) token() (jsontext.Token, error) {
	tok, err := p.dec.ReadToken()
	if err == nil {
		return tok, nil
	}
	reason := "not valid JSON"
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		reason = "member name appears twice"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		reason = "document ends too early"
	case strings.Contains(err.Error(), "UTF-8"), strings.Contains(err.Error(), "surrogate"):
		reason = "text is not valid UTF-8"
	}
	return tok, p.fail(reason)
}

func (p *parser) value(depth int) (*Node, error) {
	tok, err := p.token()
	if err != nil {
		return nil, err
	}
	if p.left--; p.left < 0 {
		return nil, p.fail("document has too many values")
	}
	switch tok.Kind() {
	case '{', '[':
		if depth >= MaxDepth {
			return nil, p.fail("document is nested deeper than 64 levels")
		}
		if tok.Kind() == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case '"':
		return NewString(tok.String()), nil
	case '0':
		text := tok.String()
		if len(text) > MaxNumberText {
			return nil, p.fail("number is longer than 1000 characters")
		}
		return NewNumber(text), nil
	case 't', 'f':
		return NewBool(tok.Bool()), nil
	default:
		return &Node{kind: Null}, nil
	}
}

func (p *parser) object(depth int) (*Node, error) {
	n := NewObject()
	var folded map[string]struct{} // of objects with many members
	for p.dec.PeekKind() != '}' {
		tok, err := p.token()
		if err != nil {
			return nil, err
		}
		name := tok.String()
		if folded = foldNames(folded, n.names); twice(folded, n.names, name) {
			return nil, p.fail("member name appears twice in different case")
		}
		child, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if child.kind == Null {
			return nil, p.fail("null is not a FHIR value")
		}
		n.names = append(n.names, name)
		n.members = append(n.members, child)
	}
	_, err := p.token()
	return n, err
}

// manyNames is the size above which comparing a name with each other one would cost too much.
const manyNames = 24

// foldNames keeps the set of names in lower case once there are many.
func foldNames(folded map[string]struct{}, names []string) map[string]struct{} {
	switch {
	case len(names) < manyNames:
		return nil
	case folded == nil:
		folded = make(map[string]struct{}, 2*manyNames)
		for _, name := range names {
			folded[strings.ToLower(name)] = struct{}{}
		}
	default:
		folded[strings.ToLower(names[len(names)-1])] = struct{}{}
	}
	return folded
}

func twice(folded map[string]struct{}, names []string, name string) bool {
	if folded != nil {
		_, dup := folded[strings.ToLower(name)]
		return dup
	}
	for _, have := range names {
		if len(have) == len(name) && strings.EqualFold(have, name) {
			return true
		}
	}
	return false
}

func (p *parser) array(depth int) (*Node, error) {
	n := NewArray()
	for p.dec.PeekKind() != ']' {
		child, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, child)
	}
	_, err := p.token()
	return n, err
}
