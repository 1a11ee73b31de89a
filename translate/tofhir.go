package translate

import (
	"errors"
	"slices"
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// ErrStructure says that the profile does not take messages of this structure.
var ErrStructure = errors.New("translate: the profile does not allow this message structure")

// ToFHIR turns one message into a transaction Bundle: first the MessageHeader, then one
// entry for each resource, in the order of the segments. Ids are made of the tenant and
// the business keys, so the same message gives the same bytes, and every message about a
// referral gives the same ServiceRequest and Task. It fails with ErrStructure, or where
// the tables of this build do not parse.
func ToFHIR(m *hl7v2.Message, p Profile) (Result, error) { return translated(m, p, "") }

// translated is ToFHIR of a message that was filled in since: hash names what it said when it came.
func translated(m *hl7v2.Message, p Profile, hash string) (Result, error) {
	maps, err := loaded()
	if err != nil {
		return Result{}, err
	}
	j := &job{p: &p, maps: maps, segs: readSegments(m), singles: map[string]*fhir.Node{}, wayBack: true, hash: hash}
	for _, seg := range j.segs {
		j.note(seg)
	}
	msh := j.first("MSH")
	j.trigger = msh.text(9, 2)
	s := maps.structureOf(msh.text(9, 1), j.trigger, msh.text(9, 3))
	name := or(msh.text(9, 3), msh.text(9, 1)+"_"+msh.text(9, 2))
	if !p.allows(name) && (s == nil || !p.allows(s.name)) {
		return Result{}, ErrStructure
	}
	if s == nil {
		s = maps.structures["ANY"]
		j.report("MSH-9", IssueUnmapped, "message structure has no table of its own; the general one reads it")
	}
	j.many, j.structure = s.many, s
	b := &builder{job: j, origins: map[*fhir.Node]string{}, tables: map[*table]bool{}, latest: map[string]int{}, counts: map[counted]int{}, ids: map[string]*fhir.Node{}, makers: map[*fhir.Node]*frame{}, again: map[string]int{}, linked: map[linked]bool{}, used: map[opened]bool{}}
	b.build(s)
	leaves := b.account()
	return Result{Bundle: b.bundle(), Issues: once(j.issues), Leaves: leaves, Unmapped: b.unmapped()}, nil
}

// once drops issues that two rows of one field both found.
func once(issues []Issue) []Issue {
	var out []Issue
	seen := map[Issue]bool{}
	for _, i := range issues {
		if !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

// builder makes the resources of one message.
type builder struct {
	*job
	frames  []*frame
	latest  map[string]int        // segment or table name -> the frame that has it last
	counts  map[counted]int       // how many of a segment stand under a frame
	ids     map[string]*fhir.Node // "Type/id" -> resource
	linked  map[linked]bool       // references that are set
	makers  map[*fhir.Node]*frame // the segment that made a resource
	again   map[string]int        // "Type/id" -> how many different resources had that key
	whole   []*fhir.Node          // segments carried whole
	used    map[opened]bool       // tables that have read a segment
	origins map[*fhir.Node]string // the field that said an item of a list
	tables  map[*table]bool       // that read any segment

	stranger bool // a second person came where the structure has one: what follows may be about either
}

// opened is a table that read a segment under a frame.
type opened struct {
	parent *frame
	table  string
}

// counted is a segment name under a frame.
type counted struct {
	parent *frame
	name   string
}

// linked is a reference at an element of a resource.
type linked struct {
	root         *fhir.Node
	element, ref string
}

// build reads each segment in its frame, then the links, which need all frames.
func (b *builder) build(s *structure) {
	b.singles["Bundle"] = fhir.NewResource("Bundle")
	for i, seg := range b.segs {
		f := b.open(s, seg)
		b.frames = append(b.frames, f)
		if f.row != nil {
			b.latest[seg.name], b.latest[f.row.table] = i, i
		}
	}
	for _, first := range []string{"MSH", "PID", "RF1", "PV1", ""} { // the keys of the others may need these
		for _, f := range b.frames {
			early := f.seg.name == "MSH" || f.seg.name == "PID" || f.seg.name == "RF1" || f.seg.name == "PV1"
			if f.table != nil && (f.seg.name == first || (first == "" && !early)) {
				b.make(f)
			}
		}
	}
	for _, f := range b.frames {
		if f.table != nil {
			b.fill(f)
		}
	}
	for _, f := range b.frames {
		if f.table != nil {
			b.twins(f)
		}
	}
	for _, f := range b.frames {
		b.unify(f)
	}
	b.settleAll()
	for _, f := range b.frames {
		if f.table != nil {
			b.link(f)
		}
	}
	b.finish()
}

// open finds the row of the structure whose parent is nearest before the segment.
func (b *builder) open(s *structure, seg *segment) *frame {
	f := &frame{seg: seg, marks: map[int][]mark{}}
	if len(b.frames) > 0 {
		f.before = b.frames[len(b.frames)-1]
	}
	best := -1
	for i := range s.rows {
		r := &s.rows[i]
		if r.segment != seg.name {
			continue
		}
		at, parent := b.parentOf(r)
		probe := &frame{seg: seg, parent: parent}
		if free := !b.taken(parent, r.table); at >= 0 && at >= best && b.holds(r.when, probe) && (at > best || (free && f.table == nil)) {
			best, f.row, f.parent, f.table = at, r, parent, nil
			if free {
				f.table = b.maps.segments[r.table]
			}
		}
	}
	switch {
	case f.table == nil && strings.HasPrefix(seg.name, "Z"):
		f.parent, f.row = f.before, nil
	case f.table == nil || b.stranger || (f.parent != nil && f.parent.table != nil && f.parent.table.kept):
		b.stray(f)
	default:
		b.used[opened{f.parent, f.row.table}], b.tables[f.table] = true, true
	}
	if f.parent != nil && !f.stray {
		f.parent.below = append(f.parent.below, f)
	}
	at := counted{f.parent, seg.name}
	b.counts[at]++
	f.ordinal = b.counts[at]
	return f
}

// taken tells whether a table that writes into resources made elsewhere, or of which a
// message has one, has been used under that segment: a second PID must not add to the first child.
func (b *builder) taken(parent *frame, name string) bool {
	t := b.maps.segments[name]
	if t == nil || !slices.ContainsFunc(t.rows, row.forward) {
		return false
	}
	for i := range t.rows {
		r := &t.rows[i]
		if r.mapName == "element" || (r.mapName == "new" && !b.isSingle(r.target.resource)) {
			return false
		}
	}
	return b.used[opened{parent, name}]
}

// parentOf returns the nearest frame that a row may belong to; the message itself is before all.
func (b *builder) parentOf(r *structureRow) (int, *frame) {
	if len(r.under) == 0 {
		return 0, nil
	}
	nearest := -1
	for _, name := range r.under {
		if i, ok := b.latest[name]; ok {
			nearest = max(nearest, i)
		}
	}
	if nearest < 0 {
		return -1, nil
	}
	return nearest + 1, b.frames[nearest]
}

// make runs the rows that create resources and elements.
func (b *builder) make(f *frame) {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		if r.field > 0 || !b.holds(r.when, f) {
			continue
		}
		switch r.mapName {
		case "new":
			b.newResource(f, r)
		case "element":
			if root := b.lookup(f, r.target.resource); root != nil {
				p, _ := r.target.put(root, fhir.NewObject(), "")
				f.bind(r.args[0], p.node, true)
				b.group(f, r, root, p.node)
			}
		case "contained":
			b.contained(f, r)
		}
	}
	if f.stray {
		b.settle(f)
	}
	if f.seg.name == "MSH" && f.get("MessageHeader") != nil {
		f.bind("Bundle", b.singles["Bundle"], false)
	}
}

// newResource makes a resource whose id follows from its business key.
func (b *builder) newResource(f *frame, r *row) {
	name := r.target.resource
	if len(r.args) > 1 && !b.wouldHave(f, name, r.args[1]) {
		return
	}
	key, ok := b.key(f, r.args[0])
	if !ok {
		b.report(b.location(f, 0), IssueNoKey, "no business key: "+name+" was not made")
		return
	}
	n := fhir.NewResource(typeOf(name)).Set("id", fhir.NewString(b.id(typeOf(name), key)))
	f.bind(name, n, true)
	switch _, again := b.singles[name]; {
	case !slices.Contains(single, name):
	case again && f.stray: // a visit before this one is not what the message is about
	case again && b.many[name]:
		b.singles[name] = nil // several: a segment outside their groups speaks of none of them
	default:
		b.singles[name] = n
	}
}

// wouldHave tells whether a row gives the resource the element that it cannot be without.
func (b *builder) wouldHave(f *frame, name, element string) bool {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		if !r.forward() || r.target.text != name+"."+element || !b.holds(r.when, f) {
			continue
		}
		if r.field == 0 {
			return true
		}
		c := &call{j: b.job, f: f, args: r.args, location: b.location(f, r.field)}
		reps := f.seg.reps(r.field)
		if len(reps) > 0 && b.maps.converterFor(r.mapName).to(c, parseValue(reps[0])) != nil {
			return true
		}
	}
	return false
}

// contained makes one resource inside another, for all segments of the message.
func (b *builder) contained(f *frame, r *row) {
	name := r.target.resource
	if b.singles[name] == nil {
		b.singles[name] = fhir.NewResource(name).Set("id", fhir.NewString(strings.ToLower(name)))
		if owner := b.singles[r.args[0]]; owner != nil {
			owner.Add("contained", b.singles[name])
		}
	}
	f.bind(name, b.singles[name], false)
}

// fill runs the rows that map fields and constants, in the order of the table.
func (b *builder) fill(f *frame) {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		if !r.forward() || r.mapName == "new" || r.mapName == "element" || r.mapName == "contained" || r.mapName == "ref" || r.mapName == "unsaid" {
			continue
		}
		if (r.field > 0 && len(f.seg.reps(r.field)) == 0) || !b.holds(r.when, f) {
			continue
		}
		var room [1]*fhir.Node
		for _, root := range b.roots(room[:0], f, r.target.resource) {
			if r.field == 0 {
				b.constant(f, r, root)
				continue
			}
			b.mapField(f, r, root)
		}
	}
}

// roots returns the resource of a name, or for "/DiagnosticReport" those that the segments
// right below the frame make. It may use the room.
func (b *builder) roots(roots []*fhir.Node, f *frame, name string) []*fhir.Node {
	below, ok := strings.CutPrefix(name, "/")
	if !ok {
		if root := b.lookup(f, name); root != nil {
			roots = append(roots, root)
		}
		return roots
	}
	for _, at := range f.below {
		if n := at.get(below); n != nil {
			roots = append(roots, n)
		}
	}
	return roots
}

// constant sets what no field says. A text of three arguments is reported where it
// stands: its second is the code of the issue, its third what became of it.
func (b *builder) constant(f *frame, r *row, root *fhir.Node) {
	var n *fhir.Node
	switch r.mapName {
	case "text":
		n = fhir.NewString(r.args[0])
	case "number":
		n = fhir.NewNumber(r.args[0])
	case "bool":
		n = fhir.NewBool(r.args[0] == "true")
	case "coding":
		n = fhir.NewObject().SetText("system", systemName(r.args[0])).SetText("code", r.args[1])
	}
	about, rest := r.target.within(root)
	for _, at := range about {
		if p, ok := rest.put(at, n.Clone(), ""); ok && len(r.args) > 2 {
			b.report(b.location(f, 0), r.args[1], r.args[2])
			p.extensionsOf(true).Add("extension", fhir.NewObject().SetText("url", assumedURL).Set("valueBoolean", fhir.NewBool(true)))
		}
	}
}

// mapField converts each repetition of a field and marks where it went.
func (b *builder) mapField(f *frame, r *row, root *fhir.Node) {
	reps := f.seg.reps(r.field)
	for i := range reps {
		group := reps[i : i+1]
		if r.joins() {
			group = reps
		}
		if strings.Join(group, "") == "" || r.follows() {
			continue
		}
		c := b.borrow(call{f: f, args: r.args, location: b.repLocation(f, r.field, i), rep: i, keep: f.table.keeps(r)})
		n := b.convert(c, r, group)
		choice, beside := c.choice, c.beside
		b.idle = c
		if n == nil && r.target.opens() {
			f.marks[r.field] = append(f.marks[r.field], mark{rep: i, row: r, whole: true})
			continue
		}
		p, ok := b.putOnce(f, r, root, n, choice, i)
		if ok && n != nil {
			b.mark(f, r, root, r.target, p, i)
		}
		if !ok && i == 0 {
			if p, ok = b.join(r, root, p, n); ok {
				b.mark(f, r, root, r.target, p, i)
			}
		}
		if ok = ok && (i == 0 || len(r.target.steps) > 0); ok && n != nil && len(r.target.steps) == 0 {
			merge(target{}, root, n, nil)
			b.markParts(f, r, root, i)
		}
		whole := r.joins() || (!p.inList && !r.repeats())
		if ok = ok && (n != nil || beside != nil); ok && r.way == "<>" {
			p.annotate(beside)
		}
		f.marks[r.field] = append(f.marks[r.field], mark{rep: i, row: r, place: p, placed: ok, whole: whole})
		if r.joins() {
			return
		}
	}
}

// putOnce is put, and for what a list holds once only, whoever says it (a security
// label), the one that is there already.
func (b *builder) putOnce(f *frame, r *row, root, node *fhir.Node, choice string, rep int) (place, bool) {
	if r.mapName == "label" && node != nil && r.repeats() {
		for _, p := range r.target.find(root) {
			if !same(p.bare(), node) {
				continue
			}
			if first := b.origins[p.node]; first != "" && first != b.carrierName(f, r.field) {
				b.sayToo(root, p.node, first, b.carrierName(f, r.field), p.name)
			}
			return p, true
		}
	}
	return r.target.at(rep).put(root, node, choice)
}

// follows tells whether the row says on the way back only what the value itself says: its
// type, its unit.
func (r *row) follows() bool {
	return r.arg0() == "type" && (r.mapName == "attachment" || r.mapName == "varies") || r.arg0() == "unit" && r.mapName == "varies"
}

// join adds a part to the element that other fields have made.
func (b *builder) join(r *row, root *fhir.Node, p place, n *fhir.Node) (place, bool) {
	_, isPartial := b.maps.converterFor(r.mapName).(partial)
	found := r.target.find(root)
	if !isPartial || n == nil || len(found) == 0 || found[0].node.Kind() != fhir.Object || names(found[0].node) {
		return p, false
	}
	mergeDeep(found[0].node, n)
	return found[0], true
}

// typed gives an identifier the kind that the slice of its row stands for: its only one,
// or, where the sender has a component for it (CX-5), one beside what was sent, marked as not sent.
func (j *job) typed(n *fhir.Node, code string, beside bool) *fhir.Node {
	kind := n.Get("type")
	if kind != nil && !beside {
		return n
	}
	if kind == nil {
		kind = fhir.NewObject()
		typed := fhir.NewObject().Set("type", kind)
		merge(target{}, typed, n, nil)
		n = typed
	}
	if !has(n, "type", code) {
		coding := fhir.NewObject().SetText("system", terminology+"v2-0203").SetText("code", code)
		if beside {
			extend(coding, assumedURL, "valueBoolean", fhir.NewBool(true))
		}
		kind.Add("coding", coding)
	}
	if words := j.toFHIR("0203.text", code); words != "" && kind.Get("text") == nil {
		kind.SetText("text", words)
	}
	return n
}

// convert runs the datatype of a row on the first repetition, or on all of them where
// they are lines, and names the kind of identifier that the row's slice stands for.
func (j *job) convert(c *call, r *row, reps []string) *fhir.Node {
	v := parseValue(reps[0])
	if r.joins() {
		v = nil
		for _, rep := range reps {
			v = append(v, []string{rep})
		}
	}
	if reps[0] == null || v.empty() {
		return nil
	}
	n := j.maps.converterFor(r.mapName).to(c, v)
	if len(r.target.steps) == 0 {
		return n
	}
	if kind := r.arg0(); r.mapName == "EI" && kind != "" && n != nil {
		coding := fhir.NewObject().SetText("system", terminology+"v2-0203").SetText("code", kind)
		n.Set("type", fhir.NewObject().Set("coding", fhir.NewArray(coding)))
	}
	last := r.target.steps[len(r.target.steps)-1]
	if n.Kind() == fhir.Object && last.kind == picked && (last.key == performerFunction || last.key == "url") {
		last.sign(n)
	}
	if n.Kind() == fhir.Object && last.kind == picked && last.key == "type" && !last.not {
		return j.typed(n, last.val, r.mapName == "CX")
	}
	return n
}

// link runs the rows that refer to resources.
func (b *builder) link(f *frame) {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		root := b.lookup(f, r.target.resource)
		if r.mapName == "unsaid" && root != nil && b.holds(r.when, f) {
			unsay(r, root)
			continue
		}
		if r.mapName != "ref" || root == nil || !b.holds(r.when, f) {
			continue
		}
		for name := range strings.SplitSeq(r.args[0], "|") {
			to := b.lookup(f, name)
			if name == "parent" {
				to = around(f)
			}
			if to == nil {
				continue
			}
			ref := to.Ref()
			if name == "OperationOutcome" {
				ref = "#" + to.ID()
			}
			b.refer(r, root, ref)
			break
		}
	}
}

// refer adds a reference, once.
func (b *builder) refer(r *row, root *fhir.Node, ref string) {
	at := linked{root, r.target.text, ref}
	if b.linked[at] {
		return
	}
	b.linked[at] = true
	item := fhir.NewObject().SetText("reference", ref)
	if n := len(r.target.steps); n > 0 && r.target.steps[n-1].key == "id" {
		b.setMark(root, item, r.target.steps[n-1].val, 0, r.target.steps[n-1].name)
	}
	r.target.put(root, item, "")
}
