package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// step is one part of a target path.
type step struct {
	name     string // element name; "extension" with a url
	kind     stepKind
	index    int    // indexed
	key, val string // picked: only items whose child key has val
	not      bool   // picked: only items whose child key has not val
	several  bool   // picked: the key is a list
	url      string // extension
	each     bool   // extended: each repetition is an extension of its own
	aligned  bool   // appended: a repetition belongs to the item at its place, which another field says
	marked   bool   // on the way back only the items that are marked for the field
}

type stepKind uint8

const (
	plain    stepKind = iota // name
	appended                 // name[]: each repetition is an item
	indexed                  // name[0]: the item at that place
	picked                   // name[key=val]: as appended; on the way back only the items that match
	extended                 // extension(url): the extension with that url; extension(url)[]: each repetition has its own
)

// target is a path to an element, "Patient.telecom[use!=work]".
type target struct {
	text     string
	resource string
	steps    []step
	listKey  string // see list
	listAt   int
}

// put writes node at the target and returns where it stands; ok is false where another
// repetition already stands there. A nil node only finds the place.
func (t target) put(root, node *fhir.Node, choice string) (place, bool) {
	cur, item := root, (*fhir.Node)(nil)
	for i, s := range t.steps {
		if i == len(t.steps)-1 {
			p, ok := s.putLast(cur, node, choice)
			if !p.inList {
				p.item = item
			}
			return p, ok
		}
		cur = s.descend(cur, t.steps[i+1:])
		if s.kind == appended || s.kind == picked || s.kind == indexed || s.each {
			item = cur
		}
	}
	return place{parent: root, node: root}, true
}

// within returns what a constant is said of, and the rest of its path: each item that the
// last slice on the way picks, which a constant never makes; else the resource.
func (t target) within(root *fhir.Node) (about []*fhir.Node, rest target) {
	for i := len(t.steps) - 2; i >= 0; i-- {
		if t.steps[i].kind != picked {
			continue
		}
		items := target{steps: t.steps[:i+1]}
		for _, p := range items.find(root) {
			if t.steps[i].matches(p.node) {
				about = append(about, p.node)
			}
		}
		return about, target{steps: t.steps[i+1:]}
	}
	return []*fhir.Node{root}, t
}

// at is the target of one repetition, 0-based.
func (t target) at(rep int) target {
	for i, s := range t.steps {
		if s.aligned {
			t.steps = slices.Clone(t.steps)
			t.steps[i] = step{name: s.name, kind: indexed, index: rep}
			return t
		}
	}
	return t
}

// opens tells whether the path makes an item of a list on its way, which must not be for nothing.
func (t target) opens() bool {
	for i, s := range t.steps {
		if i < len(t.steps)-1 && ((s.kind == appended && !s.aligned) || s.kind == picked || s.each) {
			return true
		}
	}
	return false
}

// descend returns the child object that a path passes through, making it where there is
// none; an item that the step picks serves as long as nothing stands at the end of the path.
func (s step) descend(cur *fhir.Node, rest []step) *fhir.Node {
	switch s.kind {
	case appended, picked:
		if list := cur.Get(s.name); s.kind == picked && list.Len() > 0 {
			if last := list.Item(list.Len() - 1); s.matches(last) && free(last, rest) {
				return last
			}
		}
		item := fhir.NewObject()
		s.sign(item)
		cur.Add(s.name, item)
		return item
	case indexed:
		for cur.Get(s.name).Len() <= s.index {
			cur.Add(s.name, fhir.NewObject())
		}
		return cur.Get(s.name).Item(s.index)
	case extended:
		for _, ext := range cur.Get("extension").Items() {
			if ext.Get("url").Text() == s.url && (!s.each || free(ext, rest)) {
				return ext
			}
		}
		ext := fhir.NewObject().SetText("url", s.url)
		cur.Add("extension", ext)
		return ext
	default:
		if cur.Get(s.name) == nil {
			cur.Set(s.name, fhir.NewObject())
		}
		return cur.Get(s.name)
	}
}

// free tells whether nothing stands at the end of a path yet.
func free(node *fhir.Node, rest []step) bool {
	end := target{steps: rest}
	return len(rest) == 0 || len(end.find(node)) == 0
}

func (s step) putLast(cur, node *fhir.Node, choice string) (place, bool) {
	name := strings.Replace(s.name, "[x]", choice, 1)
	if choice == "" && name != s.name {
		return place{}, false // nothing was chosen: there is no such element
	}
	switch s.kind {
	case extended:
		if at := s.places(nil, place{node: cur}); len(at) > 0 && !s.each {
			return place{}, false
		}
		ext := fhir.NewObject().SetText("url", s.url)
		cur.Add("extension", ext)
		for member, child := range node.Members() {
			ext.Set(member, child)
		}
		return place{parent: cur, name: name, node: ext, item: ext}, true
	case appended, picked, indexed:
		if s.kind == indexed && cur.Get(name).Len() > s.index {
			return place{}, false
		}
		if node != nil {
			cur.Add(name, node)
		}
		return place{parent: cur, name: name, node: node, inList: true, item: node}, true
	default:
		if cur.Get(name) != nil || chosen(cur, name) {
			return place{}, false
		}
		if node != nil {
			cur.Set(name, node)
		}
		return place{parent: cur, name: name, node: node}, true
	}
}

// choices are elements of which a resource has one of several types.
var choices = []string{"abatement", "deceased", "effective", "medication", "multipleBirth", "occurrence", "onset", "performed"}

// chosen tells whether a resource has a choice in another type already.
func chosen(resource *fhir.Node, name string) bool {
	base := choiceOf(name)
	if base == "" || resource.ResourceType() == "" {
		return false
	}
	for member := range resource.Members() {
		if member != name && choiceOf(member) == base {
			return true
		}
	}
	return false
}

// choiceOf returns "occurrence" of occurrenceDateTime.
func choiceOf(name string) string {
	for _, base := range choices {
		if rest, ok := strings.CutPrefix(name, base); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return base
		}
	}
	return ""
}

// find returns every element that the target names under root, in order, also a
// primitive that has nothing but extensions.
func (t *target) find(root *fhir.Node) []place { return t.findIn(nil, root) }

// findIn is find in the room that there is.
func (t *target) findIn(room []place, root *fhir.Node) []place {
	if len(t.steps) == 0 {
		return append(room, place{parent: root, node: root})
	}
	if len(t.steps) == 1 {
		return t.steps[0].places(room, place{node: root})
	}
	var a, b, each [4]place // most lists are short
	at, spare := append(a[:0], place{parent: root, node: root}), b[:0]
	for i := range t.steps[:len(t.steps)-1] {
		s, onward := &t.steps[i], spare[:0]
		for _, from := range at {
			for _, p := range s.places(each[:0], from) {
				if s.matches(p.node) {
					onward = append(onward, p)
				}
			}
		}
		at, spare = onward, at
	}
	for _, from := range at {
		room = t.steps[len(t.steps)-1].places(room, from)
	}
	return room
}

// places appends what the step names under one element.
func (s *step) places(out []place, from place) []place {
	n := from.node
	switch s.kind {
	case plain:
		return plainPlaces(out, from, s.name)
	case extended:
		for _, ext := range n.Get("extension").Items() {
			if ext.Get("url").Text() != s.url {
				continue
			}
			p := place{parent: n, name: "extension", node: ext, item: from.item}
			if s.each {
				p.item = ext
			}
			out = append(out, p)
			if !s.each {
				break
			}
		}
		return out
	case appended, indexed, picked:
	}
	for i, item := range n.Get(s.name).Items() {
		if s.kind == indexed && i != s.index {
			continue
		}
		out = append(out, place{parent: n, name: s.name, node: item, inList: true, item: item})
	}
	return out
}

func plainPlaces(out []place, from place, name string) []place {
	n := from.node
	if base, isChoice := strings.CutSuffix(name, "[x]"); isChoice {
		for member, child := range n.Members() {
			bare := strings.TrimPrefix(member, "_")
			if rest, ok := strings.CutPrefix(bare, base); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
				return append(out, place{parent: n, name: bare, node: valueOf(member, child), item: from.item})
			}
		}
		return out
	}
	node := n.Get(name)
	if node == nil && !hasBeside(n, name) {
		return out
	}
	return append(out, place{parent: n, name: name, node: node, item: from.item})
}

// hasBeside tells whether a primitive has extensions of its own, under "_name".
func hasBeside(n *fhir.Node, name string) bool {
	for member := range n.Members() {
		if len(member) == len(name)+1 && member[0] == '_' && member[1:] == name {
			return true
		}
	}
	return false
}

// valueOf leaves out the extensions of a primitive, which stand under "_name".
func valueOf(member string, child *fhir.Node) *fhir.Node {
	if strings.HasPrefix(member, "_") {
		return nil
	}
	return child
}
