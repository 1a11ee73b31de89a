package fhirrest

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// outline is the little of an accepted body that its answer shows.
type outline struct {
	id      string   // logical id of the resource
	kind    string   // Bundle.type
	methods []string // entry.request.method of each entry
}

// outlineOf reads the outline in one pass without building the document; the pipeline
// has parsed it strictly before. Of an unreadable body it returns what came before the fault.
func outlineOf(raw []byte) outline {
	var o outline
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	members(d, func(name string) {
		switch name {
		case "id":
			o.id = text(d)
		case "type":
			o.kind = text(d)
		case "entry":
			items(d, func() { o.methods = append(o.methods, entryMethod(d)) })
		default:
			_ = d.SkipValue()
		}
	})
	if !idPattern.MatchString(o.id) {
		o.id = ""
	}
	return o
}

func entryMethod(d *jsontext.Decoder) (method string) {
	members(d, func(name string) {
		if name != "request" {
			_ = d.SkipValue()
			return
		}
		members(d, func(name string) {
			if name == "method" {
				method = text(d)
				return
			}
			_ = d.SkipValue()
		})
	})
	return method
}

// members calls each with every member name of the object that comes next; each consumes the value.
func members(d *jsontext.Decoder, each func(name string)) {
	if d.PeekKind() != '{' {
		_ = d.SkipValue()
		return
	}
	_, _ = d.ReadToken()
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return
		}
		each(name.String())
	}
	_, _ = d.ReadToken()
}

func items(d *jsontext.Decoder, each func()) {
	if d.PeekKind() != '[' {
		_ = d.SkipValue()
		return
	}
	_, _ = d.ReadToken()
	for k := d.PeekKind(); k != ']' && k > 0; k = d.PeekKind() {
		before := d.InputOffset()
		each()
		if d.InputOffset() == before {
			return
		}
	}
	_, _ = d.ReadToken()
}

func text(d *jsontext.Decoder) string {
	if d.PeekKind() != '"' {
		_ = d.SkipValue()
		return ""
	}
	tok, err := d.ReadToken()
	if err != nil {
		return ""
	}
	return tok.String()
}
