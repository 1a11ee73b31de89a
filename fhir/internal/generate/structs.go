package main

import (
	"bytes"
	"fmt"
	"strings"
)

func emitDatatypes(b *bytes.Buffer, m *model) {
	for _, s := range m.structures {
		if !m.ofResource(s) && s.path != "BackboneElement" {
			m.emitStruct(b, s)
		}
	}
}

func emitResources(b *bytes.Buffer, m *model) {
	var names []string
	for _, s := range m.structures {
		if m.ofResource(s) {
			m.emitStruct(b, s)
		}
		if s.kind == "resource" {
			names = append(names, s.path)
		}
	}
	b.WriteString("\n// newResource returns an empty struct for a resource type of the model, nil for any other type.\n")
	b.WriteString("func newResource(resourceType string) any {\nswitch resourceType {\n")
	for _, name := range names {
		fmt.Fprintf(b, "case %q:\nreturn new(%[1]s)\n", name)
	}
	b.WriteString("}\nreturn nil\n}\n")
}

func (m *model) ofResource(s structure) bool {
	for _, other := range m.structures {
		if other.path == root(s.path) {
			return other.kind == "resource"
		}
	}
	return false
}

func (m *model) emitStruct(b *bytes.Buffer, s structure) {
	name := exported(s.path)
	what := map[string]string{"resource": "the R4 resource", "backbone": "the R4 element"}[s.kind]
	if what == "" {
		what = "the R4 datatype"
	}
	fmt.Fprintf(b, "\n// %s is %s %s", name, what, s.path)
	if s.doc != "" {
		fmt.Fprintf(b, ": %s", s.doc)
	}
	fmt.Fprintf(b, ".\ntype %s struct {\n", name)
	for _, e := range s.elements {
		m.emitElement(b, s, e)
	}
	b.WriteString("kept\n}\n")
}

func (m *model) emitElement(b *bytes.Buffer, s structure, e element) {
	for _, t := range e.types {
		name := e.name
		if e.choice {
			name += exported(t)
		}
		base, primitive := m.goType(e, t)
		// A required string or struct is plain, as absent is its zero value; a required number or
		// boolean is a pointer, so that absent stays absent.
		optional := e.choice || e.min == 0 || base == "bool" || base == "int" || base == "Decimal"
		fmt.Fprintf(b, "%s %s `fhir:%q`\n", exported(name), decorate(base, e.many, optional), name)
		if primitive && !bare(s, e) {
			fmt.Fprintf(b, "%sElement %s `fhir:%q`\n", exported(name), decorateElement(e.many), "_"+name)
		}
	}
}

// bare reports the primitives that carry no extension: Element.id, Resource.id and Extension.url.
func bare(s structure, e element) bool {
	return e.name == "id" || s.path == "Extension" && e.name == "url"
}

func decorate(base string, many, optional bool) string {
	switch {
	case many:
		return "[]" + base
	case strings.HasPrefix(base, "*"): // *Node
		return base
	case optional:
		return "*" + base
	default:
		return base
	}
}

func decorateElement(many bool) string {
	if many {
		return "[]*Element"
	}
	return "*Element"
}

func (m *model) goType(e element, code string) (name string, primitive bool) {
	switch code {
	case "Resource":
		return "*Node", false
	case "boolean":
		return "bool", true
	case "integer", "unsignedInt", "positiveInt":
		return "int", true
	case "decimal":
		return "Decimal", true
	case "code":
		if vs := m.valueSets[e.binding]; vs != nil && vs.goName != "" {
			return vs.goName, true
		}
		return "string", true
	}
	if code[0] >= 'a' && code[0] <= 'z' {
		return "string", true
	}
	return exported(code), false
}
