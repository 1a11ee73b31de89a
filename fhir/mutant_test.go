package fhir

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mutation breaks a document in one place; validation must answer one issue, at path.
type mutation struct {
	kind, path string
	apply      func()
}

var mutationKinds = []string{"cardinality", "type", "primitive", "choice", "binding", "target"}

// mutants collects what can be broken in a resource.
type mutants struct{ all []mutation }

func (m *mutants) add(kind, path string, apply func()) {
	m.all = append(m.all, mutation{kind, path, apply})
}

func (m *mutants) object(n *Node, t *typeDef, path string, bound bool) {
	m.add("type", path+".zzUnknown", func() { n.Set("zzUnknown", NewString("x")) })
	for i, name := range slices.Clone(n.names) {
		def, ok := t.members[name]
		if !ok || n.Get("_"+name) != nil {
			continue
		}
		child, at := n.members[i], path+"."+name
		// An entry or a contained resource that goes leaves references to it behind.
		if def.typ != "Resource" && n.Len() > 1 && !bound {
			if def.element.min > 0 && def.typ != "Reference" || def.element.min > 0 && child.Get("reference") != nil {
				m.add("cardinality", path+"."+def.element.name, func() { n.Remove(name) })
			}
			if name != "id" && name != "entry" { // references to a contained id break with it
				m.cardinality(n, name, child, def, at)
			}
		}
		if base, choice := strings.CutSuffix(def.element.name, "[x]"); choice {
			m.choice(n, base, name, def, path)
		}
		m.values(n, name, child, def, at, bound)
	}
}

func (m *mutants) cardinality(n *Node, name string, child *Node, def memberDef, at string) {
	if def.element.many {
		m.add("cardinality", at, func() { n.Set(name, child.Item(0)) })
		m.add("cardinality", at, func() { n.Set(name, NewArray()) })
	} else {
		m.add("cardinality", at, func() { n.Set(name, NewArray(child)) })
	}
}

func (m *mutants) choice(n *Node, base, name string, def memberDef, path string) {
	m.add("choice", path+"."+base+"Zz", func() { n.Set(base+"Zz", NewString("x")) })
	for _, typ := range def.element.types {
		if other := base + strings.ToUpper(typ[:1]) + typ[1:]; other != name {
			m.add("choice", path+"."+other, func() { n.Set(other, NewString("x")) })
		}
	}
}

func (m *mutants) values(n *Node, name string, child *Node, def memberDef, at string, bound bool) {
	if !def.element.many {
		m.value(child, def, at, bound, name, func(v *Node) { n.Set(name, v) })
		return
	}
	for i := range child.Items() {
		m.value(child.members[i], def, at+"["+strconv.Itoa(i)+"]", bound, name, func(v *Node) { child.members[i] = v })
	}
}

func (m *mutants) value(v *Node, def memberDef, at string, bound bool, name string, replace func(*Node)) {
	switch {
	case def.typ == "Resource":
		if t := r4().types[v.ResourceType()]; t != nil {
			m.object(v, t, at, false)
		}
		return
	case def.primitive():
		if bound || name == "id" || name == "reference" || name == "fullUrl" {
			return
		}
		m.add("type", at, func() { replace(NewObject().Set("value", v)) })
		if bad, ok := broken[def.typ]; ok {
			m.add("primitive", at, func() { replace(bad) })
		}
		if def.typ == "code" && def.element.codes != nil {
			m.add("binding", at, func() { replace(NewString("zz-none")) })
		}
		return
	}
	if !bound {
		m.add("type", at, func() { replace(NewString("x")) })
	}
	codes := def.element.codes != nil
	if c := v.Get("coding"); codes && c.Len() == 1 && c.Item(0).Get("code") != nil {
		m.add("binding", at, func() { c.Item(0).Set("code", NewString("zz-none")) })
	}
	if text := v.Get("reference").Text(); def.typ == "Reference" && def.element.targets != nil && text != "" {
		for _, wrong := range []string{"Library/x1", "https://example.org/fhir/TestScript/x1/_history/1"} {
			m.add("target", at+".reference", func() { v.Set("reference", NewString(wrong)) })
		}
	}
	m.object(v, def.structure, at, bound || codes)
}

// broken holds a value of the right JSON type that breaks the format of its datatype.
var broken = map[string]*Node{
	"base64Binary": NewString("@@@@"), "canonical": NewString("a b"), "code": NewString(" x"),
	"date": NewString("2016-13-01"), "dateTime": NewString("2016-01-01T25:00:00Z"), "id": NewString("a_b"),
	"instant": NewString("2016-01-01"), "integer": NewNumber("1.5"), "markdown": NewString("\x01"),
	"oid": NewString("1.2.3"), "positiveInt": NewNumber("0"), "string": NewString("\x01"),
	"time": NewString("24:00:00"), "unsignedInt": NewNumber("-1"), "uri": NewString("a b"),
	"url": NewString("a b"), "uuid": NewString("urn:uuid:1"), "xhtml": NewString("<p>x</p>"),
}

func mutationsOf(n *Node) []mutation {
	m := &mutants{}
	m.object(n, r4().types[n.ResourceType()], n.ResourceType(), false)
	return m.all
}

func TestMutantsAreRefused(t *testing.T) {
	t.Parallel()
	type site struct {
		document []byte
		name     string
		index    int
	}
	sites := map[string][]site{}
	for _, name := range exampleFiles(t) {
		data := readFile(t, name)
		if len(data) > 100_000 {
			continue
		}
		n, err := Parse(data)
		if err != nil || r4().types[n.ResourceType()] == nil || len(Validate(n)) > 0 {
			continue
		}
		for i, m := range mutationsOf(n) {
			sites[m.kind] = append(sites[m.kind], site{data, filepath.Base(name), i})
		}
	}
	const wanted = 1000
	random, made := rand.New(rand.NewPCG(4, 1)), map[string]int{}
	for total := 0; total < wanted; {
		before := total
		for _, kind := range mutationKinds {
			if len(sites[kind]) == 0 || total == wanted {
				continue
			}
			i := random.IntN(len(sites[kind]))
			s := sites[kind][i]
			sites[kind] = slices.Delete(sites[kind], i, i+1)
			n, err := Parse(s.document)
			if err != nil {
				t.Fatal(err)
			}
			m := mutationsOf(n)[s.index]
			m.apply()
			issues := Validate(n)
			if len(issues) != 1 || issues[0].Path != m.path {
				t.Errorf("%s, %s: %v, want one at %s", s.name, kind, issues, m.path)
			}
			made[kind]++
			total++
		}
		if total == before {
			t.Fatalf("only %d mutants can be made", total)
		}
	}
	t.Logf("mutants refused at their place: %v", made)
}
