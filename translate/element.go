package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// Extensions is the base of the canonical URLs of the extensions that carry v2 content.
const Extensions = "https://caregate.invalid/fhir/StructureDefinition/"

// carrierURL names the carrier of one field, "…/v2-PID-18".
func carrierURL(location string) string { return carrierBase + location }

const carrierBase = Extensions + "v2-"

// assumedURL marks what no field said.
const assumedURL = Extensions + "assumed"

// assumed tells whether no field said the element.
func (p place) assumed() bool {
	for _, ext := range p.extensionsOf(false).Get("extension").Items() {
		if ext.Get("url").Text() == assumedURL {
			return true
		}
	}
	return false
}

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

// place is one element that a row wrote or found.
type place struct {
	parent *fhir.Node
	name   string     // member of parent
	node   *fhir.Node // the element; nil for a primitive that has no value
	inList bool       // node is an item of the list parent.name
	item   *fhir.Node // the innermost item of a list that the element is, or stands in
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

// sign gives a new item on the path the key that picks it: "status=active" a code,
// "type=v3-ParticipationType#ATND" a concept, "type*=…" a list of one.
func (s step) sign(item *fhir.Node) {
	if s.kind != picked || s.not || s.key == "id" || s.val == "-" {
		return // a mark is set by what reads the field
	}
	system, code, coded := strings.Cut(s.val, "#")
	if !coded {
		item.SetText(s.key, s.val)
		return
	}
	coding := fhir.NewObject().SetText("system", system).SetText("code", code)
	concept := fhir.NewObject().Set("coding", fhir.NewArray(coding))
	switch {
	case s.key == performerFunction:
		item.Add("extension", fhir.NewObject().SetText("url", functionURL).Set("valueCodeableConcept", concept))
	case s.several:
		item.Add(s.key, concept)
	default:
		item.Set(s.key, concept)
	}
}

// performerFunction is the key of a slice of references by what each did, which an
// extension of HL7 says.
const (
	performerFunction = "performerFunction"
	functionURL       = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
)

// functionOf returns what the one that a reference names did.
func functionOf(reference *fhir.Node) *fhir.Node {
	for _, ext := range reference.Get("extension").Items() {
		if ext.Get("url").Text() == functionURL {
			return ext.Get("valueCodeableConcept")
		}
	}
	return nil
}

// matches tells whether an item is one that a picked step wants.
func (s step) matches(item *fhir.Node) bool {
	if s.kind == extended {
		return item.Get("url").Text() == s.url
	}
	if s.kind != picked {
		return true
	}
	return has(item, s.key, s.val) != s.not
}

// has tells whether item has val as its member key, as a code of that CodeableConcept,
// or, for the key "system", as the system of one of its codings.
func has(item *fhir.Node, key, val string) bool {
	if key == "system" {
		for _, c := range item.Get("coding").Items() {
			if c.Get("system").Text() == val {
				return true
			}
		}
		return item.Get("system").Text() == val
	}
	if key == "id" {
		return slices.ContainsFunc(marksOf(item.ID()), func(mark string) bool { return fieldOf(mark) == val })
	}
	child := item.Get(key)
	if is, known := isReference(item, child, key, val); known {
		return is
	}
	if system, code, ok := strings.Cut(val, "#"); ok {
		return hasCoding(child, system, code)
	}
	for _, c := range child.Get("coding").Items() {
		if c.Get("code").Text() == val {
			return true
		}
	}
	return child.Text() == val
}

// hasCoding tells whether a concept, or one of a list of them, has a coding.
func hasCoding(n *fhir.Node, system, code string) bool {
	for _, concept := range n.Items() {
		if hasCoding(concept, system, code) {
			return true
		}
	}
	for _, c := range n.Get("coding").Items() {
		if c.Get("system").Text() == system && c.Get("code").Text() == code {
			return true
		}
	}
	return false
}

// extensionsOf returns the object whose "extension" list belongs to the element; with
// make it is created. A primitive has its extensions beside it, under "_name".
func (p place) extensionsOf(create bool) *fhir.Node {
	if p.node.Kind() == fhir.Object {
		return p.node
	}
	if p.inList {
		if p.node != nil || !create {
			return nil // an item of a list of primitives: its carrier stands on the resource
		}
		item := fhir.NewObject()
		p.parent.Add(p.name, item)
		return item
	}
	beside := p.parent.Get("_" + p.name)
	if beside == nil && create {
		beside = fhir.NewObject()
		p.parent.Set("_"+p.name, beside)
	}
	return beside
}

// annotate puts extensions beside a primitive; an item of a list of primitives has no place for them.
func (p place) annotate(beside *fhir.Node) {
	if beside != nil && !p.inList {
		mergeDeep(p.extensionsOf(true), beside)
	}
}

// annotations returns what stands beside a primitive but carriers, nil for nothing.
func (p place) annotations() *fhir.Node {
	if p.node.Kind() == fhir.Object {
		return nil
	}
	return unmarked(stripped(p.extensionsOf(false)))
}

// carry puts a raw field beside the element and tells whether there was a place for it.
func (p place) carry(location, raw string) bool {
	home := p.extensionsOf(true)
	if home == nil {
		return false
	}
	addCarrier(home, location, raw)
	return true
}

func addCarrier(home *fhir.Node, location, raw string) {
	if home == nil {
		return // nothing was made of the message; the leaf is an issue
	}
	home.Add("extension", fhir.NewObject().SetText("url", carrierURL(location)).SetText("valueString", carrierText(raw)))
}

// carried returns the raw field that stands beside the element.
func (p place) carried(location string) (string, bool) {
	return carrierOf(p.extensionsOf(false), location)
}

func carrierOf(home *fhir.Node, location string) (string, bool) {
	for _, ext := range home.Get("extension").Items() {
		if at, ok := strings.CutPrefix(ext.Get("url").Text(), carrierBase); ok && at == location {
			return safeRaw(ext.Get("valueString").Text()), true
		}
	}
	return "", false
}

// carriers returns what a resource carries, by segment and field. It is read once: a
// resource may carry thousands of notes.
func (j *job) carriers(home *fhir.Node) map[string]map[int]string {
	if have, ok := j.index[home]; ok {
		return have
	}
	fields := map[string]map[int]string{}
	for _, ext := range home.Get("extension").Items() {
		if location, ok := strings.CutPrefix(ext.Get("url").Text(), carrierBase); ok {
			noteCarrier(fields, location, safeRaw(ext.Get("valueString").Text()))
		}
	}
	if j.index == nil {
		j.index = map[*fhir.Node]map[string]map[int]string{}
	}
	j.index[home] = fields
	return fields
}

// noteCarrier enters the field at "NTE(3)-2"; the first of two wins.
func noteCarrier(fields map[string]map[int]string, location, raw string) {
	segment, digits, ok := strings.Cut(location, "-")
	if !ok || len(digits) > 3 || !integerForm.MatchString(digits) || digits[0] == '-' {
		return
	}
	if fields[segment] == nil {
		fields[segment] = map[int]string{}
	}
	if _, twice := fields[segment][atoi(digits)]; !twice {
		fields[segment][atoi(digits)] = raw
	}
}

// carryAt puts a field on a resource, or on an element without one of its own.
func (j *job) carryAt(home *fhir.Node, location, raw string) {
	fields := j.carriers(home)
	addCarrier(home, location, raw)
	noteCarrier(fields, location, raw)
}

// foreign tells whether the element carries another field of the same segment, and so is not ours.
func (p place) foreign(segment, location string) bool {
	for _, ext := range p.extensionsOf(false).Get("extension").Items() {
		at, ok := strings.CutPrefix(ext.Get("url").Text(), carrierBase)
		if rest, same := strings.CutPrefix(at, segment); ok && same && strings.HasPrefix(rest, "-") && at != location {
			return true
		}
	}
	return false
}

// bare returns the element without carriers and mark, nil where nothing is left: a copy
// where there was something to leave out. Nobody changes it.
func (p place) bare() *fhir.Node { return unmarked(stripped(p.node)) }

// unmarked is an element without its mark.
func unmarked(n *fhir.Node) *fhir.Node {
	if n.Kind() != fhir.Object || n.ResourceType() != "" || marksOf(n.ID()) == nil {
		return n
	}
	out := fhir.NewObject()
	for name, child := range n.Members() {
		if name != "id" {
			out.Set(name, child)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}

func stripped(n *fhir.Node) *fhir.Node {
	if !strippable(n) {
		return n
	}
	switch n.Kind() {
	case fhir.Array:
		out := fhir.NewArray()
		for _, item := range n.Items() {
			out.Append(stripped(item))
		}
		return out
	case fhir.Object:
		return strippedObject(n)
	}
	return n
}

// strippable tells whether there is a carrier, or something empty, in the element.
func strippable(n *fhir.Node) bool {
	for _, item := range n.Items() {
		if strippable(item) {
			return true
		}
	}
	for name, child := range n.Members() {
		if strippable(child) || (child.Kind() == fhir.Array && child.Len() == 0) {
			return true
		}
		for _, ext := range child.Items() {
			if name == "extension" && isCarrier(ext) {
				return true
			}
		}
	}
	return n.Kind() == fhir.Object && n.Len() == 0
}

// isCarrier tells whether an extension carries a field.
func isCarrier(ext *fhir.Node) bool { return strings.HasPrefix(ext.Get("url").Text(), carrierBase) }

func strippedObject(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	for name, child := range n.Members() {
		clean := stripped(child)
		if name == "extension" {
			clean = clean.Clone()
			clean.KeepItems(func(ext *fhir.Node) bool { return !isCarrier(ext) })
		}
		if clean != nil && (clean.Kind() < fhir.Array || clean.Len() > 0) {
			out.Set(name, clean)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}

// same compares two elements; the order of members does not matter.
func same(a, b *fhir.Node) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case fhir.Array:
		for i, item := range a.Items() {
			if !same(item, b.Item(i)) {
				return false
			}
		}
		return true
	case fhir.Object:
		for name, child := range a.Members() {
			if !same(child, b.Get(name)) {
				return false
			}
		}
		return true
	}
	return a.Text() == b.Text()
}
