package fhir

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pruner walks a document by its definitions and drops what is withheld and what leads to it.
type pruner struct {
	redaction Redaction
	gone      map[string]string // resources that go, with the reason
	failed    map[string]string // resources that turned out not to stand
	names     *nameSet          // every way to name a resource that goes
	said      *speech           // what the dropped parts said
	secrets   *secretSet        // what only they said; nil in the first pass
	dropped   []Dropped
}

// cut is the pruner at work inside one resource.
type cut struct {
	*pruner
	ref      string
	elements []string        // that the decision withholds
	local    map[string]bool // fragments of contained resources that went
	lost     bool
}

// place is where a value stands.
type place struct {
	owner *Node    // the object that holds it
	t     *typeDef // of the owner; nil outside the model
	m     memberDef
	name  string // of the member, without "_"
	path  string // below the resource, with indexes
}

// resource prunes one resource in place; false means that it goes.
func (p *pruner) resource(n *Node, fullURL string) bool {
	ref := n.Ref()
	reason := p.gone[ref]
	if reason == "" {
		reason = p.gone[fullURL]
	}
	c := &cut{pruner: p, ref: ref, elements: p.redaction.Elements[ref], local: map[string]bool{}}
	before := len(p.dropped)
	if reason == "" && !c.stands(n) {
		reason = DropDependent
		for _, key := range []string{ref, fullURL} {
			if key != "" {
				p.failed[key] = reason
			}
		}
	}
	if reason != "" {
		p.dropped = append(p.dropped[:before], Dropped{Ref: ref, Reason: reason})
		p.said.hear(n, nil, memberDef{}, "", false)
		return false
	}
	if c.lost && n.Get("text").Get("div") != nil {
		n.Remove("text")
		p.dropped = append(p.dropped, Dropped{Ref: ref, Element: "text", Reason: DropTrace})
	}
	return true
}

// stands prunes the inside of a resource, and answers whether it can stand after that.
func (c *cut) stands(n *Node) bool {
	before := len(c.dropped)
	for {
		pointed, count := fragments(n), len(c.dropped)
		if !c.object(n, r4().types[n.ResourceType()], "") {
			return false
		}
		c.orphans(n, pointed)
		if len(c.dropped) == count {
			break
		}
	}
	if len(c.dropped) > before && saysNothing(n) {
		return false
	}
	if n.ResourceType() != "Consent" {
		return true
	}
	// A provision that loses a part says something else than the grantor said.
	return !slices.ContainsFunc(c.dropped[before:], func(d Dropped) bool { return strings.HasPrefix(d.Element, "provision") })
}

// saysNothing reports a resource of which only the identity is left: that would be a mark.
func saysNothing(n *Node) bool {
	for name := range n.Members() {
		switch name {
		case "resourceType", "id", "meta", "text", "implicitRules", "language":
		default:
			return false
		}
	}
	return true
}

// orphans drops contained resources to which only dropped elements referred.
func (c *cut) orphans(n *Node, pointed map[string]bool) {
	contained := n.Get("contained")
	left := fragments(n)
	contained.KeepItems(func(item *Node) bool {
		id := "#" + item.ID()
		if !pointed[id] || left[id] {
			return true
		}
		c.drop(item, place{path: "contained"}, DropTrace)
		return false
	})
	if contained.Kind() == Array && contained.Len() == 0 {
		n.Remove("contained")
	}
}

// fragments collects the references to contained resources, those in nested resources left out.
func fragments(n *Node) map[string]bool {
	found := map[string]bool{}
	var walk func(*Node)
	walk = func(n *Node) {
		if ref := n.Get("reference").Text(); strings.HasPrefix(ref, "#") {
			found[ref] = true
		}
		for i, m := range n.members {
			if n.kind == Array || n.names[i] != "resource" {
				walk(m)
			}
		}
	}
	walk(n)
	return found
}

// drop records that a part goes, and what it said.
func (c *cut) drop(n *Node, at place, reason string) {
	c.record(at, reason)
	// The narrative of a resource that stays holds no secret of the parts that go: they are heard themselves.
	if n.Get("div") == nil && at.name != "div" {
		c.said.hear(n, at.t, at.m, at.name, reason == DropElement)
	}
}

func (c *cut) record(at place, reason string) {
	c.lost = true
	c.dropped = append(c.dropped, Dropped{Ref: c.ref, Element: at.path, Reason: reason})
}

// object prunes the members of one object; false means that it cannot stand.
func (c *cut) object(n *Node, t *typeDef, path string) bool {
	had, count := presence(n, t), len(c.dropped)
	for _, name := range slices.Clone(n.names) {
		at := place{owner: n, t: t, name: strings.TrimPrefix(name, "_")}
		at.path = strings.TrimPrefix(path+"."+at.name, ".")
		if t != nil {
			at.m = t.members[at.name]
		}
		if !c.member(n, name, at) {
			return false
		}
	}
	if n.Len() == 0 {
		return false
	}
	if t == nil || len(c.dropped) == count {
		return true
	}
	for i, now := range presence(n, t) {
		if had[i] && !now && t.elements[i].min > 0 {
			return false
		}
	}
	return standsAlone(n, t)
}

func presence(n *Node, t *typeDef) []bool {
	if t == nil {
		return nil
	}
	had := make([]bool, len(t.elements))
	for _, name := range n.names {
		if m, ok := t.members[strings.TrimPrefix(name, "_")]; ok {
			had[m.index] = true
		}
	}
	return had
}

// standsAlone reports whether an object that lost something still says something of its own.
func standsAlone(n *Node, t *typeDef) bool {
	switch t.path {
	case "Extension":
		return n.Len() > 1
	case "Attachment":
		return n.Get("url") != nil || n.Get("data") != nil
	case "Reference":
		return n.Get("reference") != nil || n.Get("identifier") != nil || n.Get("display") != nil
	}
	return true
}

// member prunes one member of an object; false means that the object goes with it.
func (c *cut) member(n *Node, name string, at place) bool {
	child := n.Get(name)
	switch {
	case c.withheld(at):
		c.drop(child, at, DropElement)
		n.Remove(name)
	case child.Kind() == Array:
		c.array(child, n.Get("_"+name), at)
		if child.Len() == 0 {
			n.Remove(name)
			n.Remove("_" + name)
		}
	case !c.value(child, at):
		n.Remove(name)
		n.Remove("_" + name)
		return !at.onlyPoints()
	}
	return true
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// withheld reports the elements that the decision withholds; "value" names every type of value[x].
func (c *cut) withheld(at place) bool {
	if len(c.elements) == 0 {
		return false
	}
	path := indexes.ReplaceAllString(at.path, "")
	choice := path
	if e := at.m.element; e != nil && strings.HasSuffix(e.name, "[x]") {
		choice = strings.TrimSuffix(path, at.name) + strings.TrimSuffix(e.name, "[x]")
	}
	resourceType, _, _ := strings.Cut(c.ref, "/")
	for _, element := range c.elements {
		element = strings.TrimSuffix(strings.TrimPrefix(element, resourceType+"."), "[x]")
		if element == path || element == choice {
			return true
		}
	}
	return false
}

// onlyPoints reports the members without which the rest of their object would only tell that
// something was there: the single reference of a repeating backbone element, such as
// AuditEvent.entity.what and CarePlan.activity.reference.
func (at place) onlyPoints() bool {
	return at.t != nil && at.m.typ == "Reference" && at.t.repeats && !strings.HasSuffix(at.t.path, ".contact")
}

// wraps reports the elements that hold a resource and go with it.
func (t *typeDef) wraps() bool {
	return t != nil && (t.path == "Bundle.entry" || t.path == "Parameters.parameter")
}

func (c *cut) array(list, companion *Node, at place) {
	base := at.path
	var kept, keptCompanion []*Node
	for i, item := range list.members {
		at.path = base + "[" + strconv.Itoa(i) + "]"
		if item.Kind() != Null && !c.value(item, at) {
			continue
		}
		kept = append(kept, item)
		if companion != nil && i < companion.Len() {
			keptCompanion = append(keptCompanion, companion.members[i])
		}
	}
	list.members = kept
	if companion != nil {
		companion.members = keptCompanion
	}
}

// value prunes one value; false means that it goes, and that this has been recorded.
func (c *cut) value(n *Node, at place) bool {
	switch n.Kind() {
	case Object:
		return c.objectValue(n, at)
	case Array: // only documents that are not FHIR nest arrays
		c.array(n, nil, at)
		return n.Len() > 0
	default:
	}
	if c.tells(n, at) { // a text that repeats a secret is none itself
		c.record(at, DropTrace)
		return false
	}
	return true
}

func (c *cut) objectValue(n *Node, at place) bool {
	t := at.m.structure
	switch {
	case n.ResourceType() != "" && at.name == "contained":
		if why := c.gone[n.Ref()]; why != DropWithheld && c.object(n, r4().types[n.ResourceType()], at.path) {
			return true
		}
		c.local["#"+n.ID()] = true
	case n.ResourceType() != "":
		return at.t.wraps() || c.resource(n, "") // a wrapper's resource has been pruned before it
	case t.wraps() && n.Get("resource") != nil && !c.resource(n.Get("resource"), n.Get("fullUrl").Text()):
		return false
	case c.names.points(n) || c.local[n.Get("reference").Text()]:
	default:
		if c.object(n, t, at.path) {
			return true
		}
		c.drop(n, at, DropDependent)
		return false
	}
	c.drop(n, at, DropTrace)
	return false
}

// tells reports a primitive that names something that goes, or repeats what only that said.
func (c *cut) tells(n *Node, at place) bool {
	if n.Kind() != String {
		return false
	}
	if at.name != "id" && at.name != "resourceType" && c.names.has(n.text) {
		return true
	}
	switch l := (leaf{n, at}); {
	case l.locator():
		return c.names.in(n.text)
	case at.name == "div":
		return c.secrets.inMarkup(n.text)
	case at.m.typ == "base64Binary":
		text, ok := decodeText(n.text)
		return ok && c.secrets.inMarkup(text)
	case l.free():
		return c.secrets.in(n.text)
	}
	return false
}
