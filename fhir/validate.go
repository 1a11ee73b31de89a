package fhir

import (
	"strconv"
	"strings"
)

// Validate checks a resource, and every resource inside it, against the R4 definitions:
// cardinality, types, primitive formats, choices, required bindings, reference targets,
// unknown elements and empty values. It answers one located issue for each problem.
// Resource types without a struct are checked only in what all resources share.
func Validate(n *Node) []Issue {
	v := &validator{defs: r4()}
	if name := n.ResourceType(); v.defs.resources[name] {
		v.path = append(v.path, name...)
	}
	v.resource(n, nil)
	return v.issues
}

type validator struct {
	defs   *definitions
	path   []byte
	issues []Issue
	bundle map[string]string // resource types by fullUrl, of the nearest enclosing Bundle
	root   *Node             // the resource that holds the contained resources
}

func (v *validator) report(code, text string) {
	v.issues = append(v.issues, Issue{Path: string(v.path), Code: code, Severity: "error", Text: text})
}

// in runs a check one step further down the path.
func (v *validator) in(step string, check func()) {
	length := len(v.path)
	if length > 0 {
		v.path = append(v.path, '.')
	}
	v.path = append(v.path, step...)
	check()
	v.path = v.path[:length]
}

func (v *validator) at(i int, check func()) {
	length := len(v.path)
	v.path = append(v.path, '[')
	v.path = strconv.AppendInt(v.path, int64(i), 10)
	v.path = append(v.path, ']')
	check()
	v.path = v.path[:length]
}

// resource checks a resource; container is the one that contains it, if any.
func (v *validator) resource(n, container *Node) {
	name := n.ResourceType()
	if n.Kind() != Object || !v.defs.resources[name] {
		v.in("resourceType", func() { v.report(IssueStructure, "not an R4 resource type") })
		return
	}
	bundle, root := v.bundle, v.root
	defer func() { v.bundle, v.root = bundle, root }()
	if v.root = n; container != nil {
		v.root = container
	}
	if name == "Bundle" {
		v.bundle = fullURLs(n)
	}
	if t := v.defs.types[name]; t != nil {
		v.object(n, t, true)
		return
	}
	base := v.defs.types["Basic"]
	for _, m := range []string{"id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"} {
		if value := n.Get(m); value != nil {
			v.in(m, func() { v.element(value, base.members[m]) })
		}
	}
}

func fullURLs(bundle *Node) map[string]string {
	types := map[string]string{}
	for _, entry := range bundle.Get("entry").Items() {
		if url := entry.Get("fullUrl").Text(); url != "" {
			types[url] = entry.Get("resource").ResourceType()
		}
	}
	return types
}

// object checks the members of one object against its definition.
func (v *validator) object(n *Node, t *typeDef, isResource bool) {
	if n.Len() == 0 {
		v.report(IssueStructure, "object is empty")
		return
	}
	present := make([]string, len(t.elements)) // the member by which each element appears
	for i, name := range n.names {
		if isResource && name == "resourceType" {
			continue
		}
		base := strings.TrimPrefix(name, "_")
		m, ok := t.members[base]
		if !ok || base != name && !m.primitive() {
			v.in(safeName(name), func() { v.report(IssueStructure, "element is not known here") })
			continue
		}
		if other := present[m.index]; other != "" && other != base {
			v.in(base, func() { v.report(IssueStructure, "more than one type of a choice") })
			continue
		}
		present[m.index] = base
		child := n.members[i]
		if base != name {
			v.in(base, func() { v.extensions(child, m, n.Get(base)) })
		} else {
			v.in(name, func() { v.element(child, m, n.Get("_"+name)) })
		}
	}
	for i := range t.elements {
		if t.elements[i].min > 0 && present[i] == "" {
			v.in(t.elements[i].name, func() { v.report(IssueRequired, "required element is missing") })
		}
	}
	if t == v.defs.types["Extension"] {
		v.extension(n)
	}
}

// extension checks the invariant ext-1: a value or extensions, not both (R4 2.4.1).
func (v *validator) extension(n *Node) {
	valued := false
	for _, name := range n.names {
		valued = valued || strings.HasPrefix(strings.TrimPrefix(name, "_"), "value")
	}
	if valued == (n.Get("extension") != nil) {
		v.report(IssueStructure, "an extension has either a value or extensions")
	}
}

// safeName keeps a hostile member name out of issues and logs.
func safeName(name string) string {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' {
			return "?"
		}
	}
	if len(name) > 64 {
		return "?"
	}
	return name
}

// element checks the value of one member; extensions is its "_" companion, if any.
func (v *validator) element(n *Node, m memberDef, extensions ...*Node) {
	if !m.element.many {
		if n.Kind() == Array {
			v.report(IssueStructure, "element does not repeat")
			return
		}
		v.value(n, m)
		return
	}
	if n.Kind() != Array {
		v.report(IssueStructure, "element that repeats must be an array")
		return
	}
	if n.Len() == 0 {
		v.report(IssueStructure, "array is empty")
	}
	for i, item := range n.members {
		if item.Kind() == Null && len(extensions) > 0 && extensions[0].Item(i).Kind() == Object {
			continue // R4 2.6.2.3: null where only the extension says something
		}
		v.at(i, func() { v.value(item, m) })
	}
}

// extensions checks the "_" companion of a primitive.
func (v *validator) extensions(n *Node, m memberDef, values *Node) {
	element := v.defs.types["Element"]
	if !m.element.many {
		if n.Kind() != Object {
			v.report(IssueStructure, "extension of a primitive must be an object")
			return
		}
		v.object(n, element, false)
		return
	}
	if n.Kind() != Array || n.Len() == 0 || values.Len() > 0 && values.Len() != n.Len() {
		v.report(IssueStructure, "extensions of a repeating primitive must be an array of the same length")
		return
	}
	for i, item := range n.members {
		if item.Kind() == Null {
			continue
		}
		v.at(i, func() {
			if item.Kind() != Object {
				v.report(IssueStructure, "extension of a primitive must be an object")
				return
			}
			v.object(item, element, false)
		})
	}
}

// value checks one value against the type of its member.
func (v *validator) value(n *Node, m memberDef) {
	switch {
	case m.typ == "Resource":
		var container *Node
		if m.element.name == "contained" {
			container = v.root
		}
		v.resource(n, container)
	case m.primitive():
		v.primitive(n, m)
	case n.Kind() != Object:
		v.report(IssueStructure, "element must be an object")
	default:
		v.object(n, m.structure, false)
		switch m.typ {
		case "Reference":
			v.reference(n, m.element.targets)
		case "Coding", "Quantity":
			v.coding(n, m.element.codes)
		case "CodeableConcept":
			v.concept(n, m.element.codes)
		}
	}
}

func (v *validator) primitive(n *Node, m memberDef) {
	switch {
	case n.Kind() != primitiveKind(m.typ):
		v.report(IssueStructure, "value must be a JSON "+kindNames[primitiveKind(m.typ)])
	case n.Text() == "":
		v.report(IssueValue, "value is empty")
	case strings.TrimSpace(n.Text()) == "":
		v.report(IssueValue, "value is only white space") // R4 2.24.0.1: trimmed it would be empty
	case !validPrimitive(m.typ, n.Text()):
		v.report(IssueValue, "value is not a valid "+m.typ)
	case m.element.codes != nil && m.typ == "code" && !m.element.codes.codes[n.Text()]:
		v.report(IssueCode, "code is not in the required value set")
	}
}

var kindNames = [...]string{Null: "null", Bool: "boolean", Number: "number", String: "string", Array: "array", Object: "object"}

func (c *codeSet) has(coding *Node) bool {
	return c.systems[coding.Get("system").Text()][coding.Get("code").Text()]
}

func (v *validator) coding(n *Node, codes *codeSet) {
	if codes != nil && !codes.has(n) {
		v.report(IssueCode, "code is not in the required value set")
	}
}

func (v *validator) concept(n *Node, codes *codeSet) {
	if codes == nil {
		return
	}
	for _, coding := range n.Get("coding").Items() {
		if codes.has(coding) {
			return
		}
	}
	v.report(IssueCode, "no coding is in the required value set")
}
