package translate

import (
	"regexp"
	"slices"
	"strings"

	"caregate/fhir"
)

// Several fields may say items of one list: PID-5 and PID-9 are both Patient.name. Where the
// slice of the row does not tell on the way back which field an item came from, Element.id
// does: "PID-9", the second repetition "PID-13[2]", of the second such segment on what holds
// it "PD1(2)-4", of two fields that said the same "ORC-2+OBR-2". An item without a mark
// belongs to the field whose slice picks it: so does all that a FHIR partner adds.
var markForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}(\([A-Z0-9]+\))?-[0-9]{1,3}(\[[0-9]+\])?(\.[a-zA-Z]+)?$`)

// marksOf returns the fields that an Element.id names, without repetitions: "ORC-2", "OBR-2".
func marksOf(id string) []string {
	if len(id) < 5 || id[3] != '-' && id[3] != '(' {
		return nil
	}
	var out []string
	for one := range strings.SplitSeq(id, "+") {
		if !markForm.MatchString(one) {
			return nil
		}
		one, _, _ = strings.Cut(one, ".")
		one, _, _ = strings.Cut(one, "[")
		out = append(out, one)
	}
	return out
}

// claimant is a row that may take items of a list on the way back.
type claimant struct {
	table *table
	row   *row
}

// list returns the list whose items the target says, and the step that names it, or, with
// -1, the element that it says alone. A part of an item that is named by its place is such.
func (t target) list() (key string, at int) { return t.listKey, t.listAt }

// readList finds what list returns.
func (t target) readList() (key string, at int) {
	names := []string{strings.TrimLeft(t.resource, "^/")}
	at = -1
	for i, s := range t.steps {
		if (s.kind == appended && !s.aligned) || s.kind == picked || s.each || (s.kind == indexed && i == len(t.steps)-1) {
			at = i
		}
	}
	for i, s := range t.steps {
		names = append(names, s.name+s.url)
		if i == at {
			break
		}
		if s.kind == indexed {
			names = append(names, itoa(s.index))
		}
	}
	return strings.Join(names, "."), at
}

// holder returns the object whose id is the mark of an element: its item, or itself.
func (p place) holder(at int, create bool) *fhir.Node {
	if at >= 0 {
		return p.item
	}
	return p.extensionsOf(create)
}

// noteRows enters what the tables of a structure read and write, and those that read strays,
// once for all messages.
func (s *structure) noteRows(segments map[string]*table, strays []structureRow) {
	s.claims, s.fields, s.parents = map[string][]claimant{}, map[string][]*row{}, map[string][]string{}
	seen := map[*table]bool{}
	rows := slices.Concat(s.rows, strays)
	for i := range rows {
		t := segments[rows[i].table]
		if t == nil {
			continue
		}
		for _, parent := range rows[i].under {
			parent, _, _ = strings.Cut(parent, ".")
			if !slices.Contains(s.parents[t.name], parent) {
				s.parents[t.name] = append(s.parents[t.name], parent)
			}
		}
		if seen[t] {
			continue
		}
		seen[t] = true
		for k := range t.rows {
			r := &t.rows[k]
			if name := t.segment + "-" + itoa(r.field); r.field > 0 {
				s.fields[name] = append(s.fields[name], r)
			}
			if !r.back() {
				continue
			}
			if key, _ := r.target.list(); len(r.target.steps) > 0 && !slices.Contains(silent, r.mapName) {
				s.claims[key] = append(s.claims[key], claimant{t, r})
			}
		}
	}
}

// makes tells whether each segment of the table has a resource or element of that name of its own.
func (t *table) makes(resource string) bool {
	own := t.newRow(resource)
	return own != nil && !strings.Contains(own.cond, " absent")
}

// newRow returns the row that makes a resource or element of that name, nil for none.
func (t *table) newRow(resource string) *row {
	for i := range t.rows {
		r := &t.rows[i]
		if (r.mapName == "element" && r.args[0] == resource) || (r.mapName == "new" && r.target.resource == resource) {
			return r
		}
	}
	return nil
}

// mark names the field of an element that its path and slice would not lead back to.
func (b *builder) mark(f *frame, r *row, root *fhir.Node, t target, p place, rep int) {
	if len(t.steps) == 0 {
		return
	}
	_, at := t.list()
	name := b.carrierName(f, r.field)
	if at >= 0 {
		if p.item.Kind() != fhir.Object || b.saidInPart(root, p, name) {
			return
		}
		b.origins[p.item] = name
	}
	if (at < 0 || !strings.Contains(name, "(")) && r.arg0() != "marked" && !b.ambiguous(f, r, root, t, p) {
		return
	}
	if home := p.holder(at, true); home != nil && home.ID() == "" {
		b.setMark(root, home, name, rep, p.name)
	}
}

// saidInPart tells whether an item has a mark, and notes the field there where it says a
// part of what another field said.
func (b *builder) saidInPart(root *fhir.Node, p place, name string) bool {
	id := p.item.ID()
	if p.item != p.node && len(marksOf(id)) > 0 && b.origins[p.item] != name {
		b.sayToo(root, p.item, id, name, p.name)
	}
	return id != ""
}

// markParts marks the elements that a datatype of several writes into its resource.
func (b *builder) markParts(f *frame, r *row, root *fhir.Node, rep int) {
	parts := b.maps.datatypes[r.mapName]
	if parts == nil {
		return
	}
	for i := range parts.rows {
		t := parts.rows[i].target
		t.resource = r.target.resource
		t.listKey, t.listAt = t.readList()
		if found := t.find(root); len(found) > 0 && len(t.steps) > 0 {
			b.mark(f, r, root, t, found[0], rep)
		}
	}
}

// setMark sets an Element.id that is unique in its resource.
func (b *builder) setMark(root, item *fhir.Node, name string, rep int, element string) {
	if rep > 0 {
		name += "[" + itoa(rep+1) + "]"
	}
	at := linked{root: root, ref: name}
	if b.linked[at] {
		name += "." + strings.Trim(element, "_")
	}
	b.linked[at] = true
	item.Set("id", fhir.NewString(name))
}

// ambiguous tells whether the slice of the row does not pick the item, or that of another field does too.
func (b *builder) ambiguous(f *frame, r *row, root *fhir.Node, t target, p place) bool {
	key, at := t.list()
	if at >= 0 && (t.steps[at].marked || !t.steps[at].matches(p.item)) {
		return true
	}
	for _, c := range b.structure.claims[key] {
		if c.table.segment == f.table.segment && (c.row.field == r.field || (at < 0 && !c.unsure())) {
			continue // several fields of one segment may say parts of one element
		}
		if c.table != f.table && c.table.makes(c.row.target.resource) && f.table.makes(r.target.resource) {
			continue // each has its own
		}
		if (at < 0 || c.takes(t.steps[at], p.item)) && (c.unsure() || b.holds(c.row.when, f)) && b.reaches(c, f, root) {
			return true
		}
	}
	return false
}

// reaches tells whether a segment that a row reads, one of the message or one that is only
// made on the way back, writes to the resource that the frame has written to.
func (b *builder) reaches(c claimant, f *frame, root *fhir.Node) bool {
	name, own := c.row.target.resource, c.table.newRow(c.row.target.resource)
	if c.table == f.table || b.used[opened{f, c.table.name}] {
		return own == nil || c.table == f.table
	}
	for at := f; at != nil; at = at.parent {
		if at.table == c.table {
			return b.lookup(at, name) == root
		}
		if b.used[opened{at.parent, c.table.name}] {
			return own == nil && (at.parent == nil || b.lookup(at.parent, name) == root)
		}
	}
	return own == nil || (!b.tables[c.table] && b.holds(own.when, f))
}

// unsure tells whether the condition of a row is about its own field, so that on the way
// back it depends on what the row takes.
func (c claimant) unsure() bool {
	own := c.table.segment + "-" + itoa(c.row.field)
	return slices.ContainsFunc(c.row.when, func(t test) bool { return t.subject == own || strings.HasPrefix(t.subject, own+".") })
}

// takes tells whether the slice of a row picks an item that stands where another step put it.
func (c claimant) takes(put step, item *fhir.Node) bool {
	_, at := c.row.target.list()
	s := c.row.target.steps[at]
	if s.kind == indexed && put.kind == indexed && s.index != put.index {
		return false
	}
	return !s.marked && s.matches(item)
}

// markedFor tells whether the item that an element belongs to is marked for the field of
// the row, or for another field that messages of this structure have.
func (j *job) markedFor(f *frame, r *row, p place) (mine, other bool) {
	_, at := r.target.list()
	marks := marksOf(p.holder(at, false).ID())
	if len(r.target.steps) == 0 || len(marks) == 0 {
		return false, false
	}
	if slices.Contains(marks, j.carrierName(f, r.field)) {
		return true, false
	}
	return false, slices.ContainsFunc(marks, func(mark string) bool {
		rows := j.structure.fields[fieldOf(mark)]
		if j.wayBack {
			return len(rows) > 0
		}
		return slices.ContainsFunc(rows, func(r *row) bool { return r.back() && j.holds(r.when, f) })
	})
}

// fieldOf returns the field that a mark names, whichever segment of its name said it: "PD1-4" of "PD1(2)-4".
func fieldOf(mark string) string { return mark[:3] + mark[strings.LastIndexByte(mark, '-'):] }

// saidBy tells whether an element is marked for the field that is written.
func (p place) saidBy(c *call) bool {
	return slices.Contains(marksOf(p.extensionsOf(false).ID()), c.j.carrierName(c.f, c.field))
}

// twins mark what two fields said alike, so that both come back and neither by itself.
func (b *builder) twins(f *frame) {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		if r.mapName != "same" {
			continue
		}
		ref, ok := parseRef(r.arg0())
		if !ok || f.seg.field(r.field) == "" || !b.holds(r.when, f) {
			continue
		}
		first := b.frameOf(f, ref.segment)
		if root := b.lookup(f, r.target.resource); root != nil && first != nil && first.seg.field(ref.field) == f.seg.field(r.field) {
			b.markTwin(f, r, root, first, ref.field)
		}
	}
}

// markTwin adds the field of the row to the mark of what the first field said.
func (b *builder) markTwin(f *frame, r *row, root *fhir.Node, first *frame, field int) {
	for i := range first.marks {
		m := &first.marks[i]
		if m.row.field != field || !m.placed || m.rep > 0 || b.lookup(first, m.row.target.resource) != root || len(m.row.target.steps) == 0 {
			continue
		}
		if home := m.place.extensionsOf(true); home != nil {
			b.sayToo(root, home, b.carrierName(first, field), b.carrierName(f, r.field), m.place.name)
			return
		}
	}
}

// sayToo notes that a second field said the same as the first.
func (b *builder) sayToo(root, item *fhir.Node, first, second, element string) {
	have := item.ID()
	switch {
	case have == "":
		b.setMark(root, item, first+"+"+second, 0, element)
	case !slices.Contains(marksOf(have), second):
		item.Set("id", fhir.NewString(have+"+"+second))
	}
}

// frameOf returns the frame of the nearest segment of that name around, else the first of the message.
func (b *builder) frameOf(f *frame, name string) *frame {
	seg := b.nearest(f, name)
	for _, at := range b.frames {
		if at.seg == seg && at.table != nil {
			return at
		}
	}
	return nil
}

// saysToo tells whether an element of the resource is marked for a field.
func (j *job) saysToo(root *fhir.Node, name string) bool {
	if j.marked == nil {
		j.marked = map[*fhir.Node][]string{}
	}
	marks, known := j.marked[root]
	if !known {
		marks = collectMarks(nil, root)
		j.marked[root] = marks
	}
	return slices.Contains(marks, name)
}

func collectMarks(out []string, n *fhir.Node) []string {
	if n.Kind() == fhir.Object {
		out = append(out, marksOf(n.ID())...)
		for _, child := range n.Members() {
			out = collectMarks(out, child)
		}
	}
	for _, item := range n.Items() {
		out = collectMarks(out, item)
	}
	return out
}
