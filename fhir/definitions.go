package fhir

import (
	"strings"
	"sync"
)

// elementDef is one element of a structure, as its StructureDefinition says.
type elementDef struct {
	name    string // "deceased[x]" for a choice
	min     int
	many    bool
	types   []string // datatypes, or the path of a backbone element
	targets []string // resource types of a Reference; nil means any
	codes   *codeSet // of a required binding that can be enumerated
}

// memberDef is one JSON member by which an element appears.
type memberDef struct {
	element   *elementDef
	index     int // of the element in its structure
	typ       string
	structure *typeDef // of typ; nil for primitives and resources
}

func (m memberDef) primitive() bool { return m.typ[0] >= 'a' && m.typ[0] <= 'z' }

// typeDef is one resource type, datatype or backbone element.
type typeDef struct {
	path     string
	repeats  bool // a backbone element that repeats
	elements []elementDef
	members  map[string]memberDef
}

// codeSet holds the codes of a required value set.
type codeSet struct {
	codes   map[string]bool            // of any system, for the code datatype
	systems map[string]map[string]bool // by system, for Coding
}

// definitions is the generated table, read once and not changed after that.
type definitions struct {
	types     map[string]*typeDef
	resources map[string]bool // every R4 resource type
}

var r4 = sync.OnceValue(func() *definitions {
	d := &definitions{types: map[string]*typeDef{}, resources: map[string]bool{}}
	for name := range strings.FieldsSeq(resourceTypes) {
		d.resources[name] = true
	}
	sets := readValueSets()
	var current *typeDef
	for line := range strings.Lines(definitionTable) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "=":
			current = &typeDef{path: words[1]}
			d.types[current.path] = current
		default:
			current.elements = append(current.elements, readElement(words, sets))
		}
	}
	for _, t := range d.types {
		d.link(t)
	}
	return d
})

func readValueSets() map[string]*codeSet {
	sets := map[string]*codeSet{}
	for line := range strings.Lines(valueSetTable) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		set := sets[words[0]]
		if set == nil {
			set = &codeSet{codes: map[string]bool{}, systems: map[string]map[string]bool{}}
			sets[words[0]] = set
		}
		if set.systems[words[1]] == nil {
			set.systems[words[1]] = map[string]bool{}
		}
		for _, code := range words[2:] {
			set.codes[code] = true
			set.systems[words[1]][code] = true
		}
	}
	return sets
}

func readElement(words []string, sets map[string]*codeSet) elementDef {
	e := elementDef{name: words[0]}
	e.many = words[1] == "*" || words[1] == "+"
	if words[1] == "!" || words[1] == "+" {
		e.min = 1
	}
	rest, binding, _ := strings.Cut(words[2], "{")
	e.codes = sets[strings.TrimSuffix(binding, "}")]
	types, targets, ok := strings.Cut(rest, "(")
	e.types = strings.Split(types, "|")
	if ok {
		e.targets = strings.Split(strings.TrimSuffix(targets, ")"), "|")
	}
	return e
}

// link makes the JSON members of a structure: one for each type of each element.
func (d *definitions) link(t *typeDef) {
	t.members = make(map[string]memberDef, len(t.elements))
	for i := range t.elements {
		e := &t.elements[i]
		base, choice := strings.CutSuffix(e.name, "[x]")
		for _, typ := range e.types {
			name := base
			if choice {
				name += strings.ToUpper(typ[:1]) + typ[1:]
			}
			if inner := d.types[typ]; inner != nil && e.many && strings.Contains(typ, ".") {
				inner.repeats = true
			}
			t.members[name] = memberDef{element: e, index: i, typ: typ, structure: d.types[typ]}
		}
	}
}

// TypeOf returns the datatype of a JSON member of a resource type, datatype or backbone element:
// TypeOf("Observation", "valueQuantity") is "Quantity", TypeOf("Patient", "contact") is
// "Patient.contact". It is "" for what the model does not know.
func TypeOf(structure, member string) string {
	t := r4().types[structure]
	if t == nil {
		return ""
	}
	return t.members[member].typ
}

// IsResourceType reports whether the name is a resource type of R4.
func IsResourceType(name string) bool { return r4().resources[name] }
