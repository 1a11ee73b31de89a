package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// fill runs the rows that map fields and constants, in the order of the table.
func (b *builder) fill(f *frame) {
	if cap(b.marks) < 16 {
		b.marks = make([]mark, 0, 128)
	}
	f.marks = b.marks
	defer func() {
		if len(f.marks) <= cap(b.marks) {
			b.marks = f.marks[len(f.marks):]
		}
		f.marks = slices.Clip(f.marks)
	}()
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
		c := b.borrow(call{f: f, args: r.args, location: b.repLocation(f, r.field, i), rep: i, keep: b.keeps(f, r)})
		n := b.convert(c, r, group)
		choice, beside := c.choice, c.beside
		b.idle = c
		if n == nil && r.target.opens() {
			f.marks = append(f.marks, mark{rep: i, row: r, whole: true})
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
		f.marks = append(f.marks, mark{rep: i, row: r, place: p, placed: ok, whole: whole})
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
	_, isPartial := r.convert.(partial)
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
	room := j.room
	j.room = nil // until this value is done with
	if room == nil {
		room = &roomForValue{}
	}
	defer func() { j.room = room }()
	v := room.parse(reps[0])
	if r.joins() {
		v = nil
		for _, rep := range reps {
			v = append(v, []string{rep})
		}
	}
	if reps[0] == null || v.empty() {
		return nil
	}
	n := r.convert.to(c, v)
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
		if r.mapName != "ref" && r.mapName != "unsaid" {
			continue
		}
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
