package fhir

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendJSON appends the compact JSON text of the node to dst.
// Numbers are written as they were read; member order is kept; the same node gives the same bytes.
func (n *Node) AppendJSON(dst []byte) []byte {
	switch n.Kind() {
	case Null:
		return append(dst, "null"...)
	case Bool, Number:
		return append(dst, n.text...)
	case String:
		return appendQuoted(dst, n.text)
	case Array:
		dst = append(dst, '[')
		for i, item := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.AppendJSON(dst)
		}
		return append(dst, ']')
	default:
		dst = append(dst, '{')
		for i, name := range n.names {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendQuoted(dst, name)
			dst = append(dst, ':')
			dst = n.members[i].AppendJSON(dst)
		}
		return append(dst, '}')
	}
}

// appendQuoted appends a JSON string. Invalid UTF-8 built by code is written with U+FFFD.
func appendQuoted(dst []byte, text string) []byte {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b >= utf8.RuneSelf || b == '"' || b == '\\' {
			dst, _ = jsontext.AppendQuote(dst, text)
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"')
}

// JSON returns the compact JSON text of the node.
func (n *Node) JSON() []byte { return n.AppendJSON(make([]byte, 0, n.size())) }

// size returns how long the JSON text is where no character has to be escaped.
func (n *Node) size() int {
	if n == nil {
		return len("null")
	}
	bytes := len(n.text) + len(`""`)
	for i, m := range n.members {
		bytes += m.size() + len(",")
		if n.kind == Object {
			bytes += len(n.names[i]) + len(`"":`)
		}
	}
	return bytes
}
