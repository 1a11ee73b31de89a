package fhir

import "github.com/go-json-experiment/json/jsontext"

// AppendJSON appends the compact JSON text of the node to dst.
// Numbers are written as they were read; member order is kept; the same node gives the same bytes.
func (n *Node) AppendJSON(dst []byte) []byte {
	switch n.Kind() {
	case Null:
		return append(dst, "null"...)
	case Bool, Number:
		return append(dst, n.text...)
	case String:
		out, err := jsontext.AppendQuote(dst, n.text)
		if err != nil { // invalid UTF-8 built by code: written with U+FFFD, as the package documents
			return out
		}
		return out
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
			dst, _ = jsontext.AppendQuote(dst, name)
			dst = append(dst, ':')
			dst = n.members[i].AppendJSON(dst)
		}
		return append(dst, '}')
	}
}

// JSON returns the compact JSON text of the node.
func (n *Node) JSON() []byte { return n.AppendJSON(nil) }
