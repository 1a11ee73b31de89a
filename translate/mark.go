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

// list returns the list whose items the target says, and the step that names it; "" where
// it says none: a part of an item that is named by its place belongs to no field alone.
func (t target) list() (key string, at int) { return t.listKey, t.listAt }

// readList finds what list returns.
func (t target) readList() (key string, at int) {
	for i := len(t.steps) - 1; i >= 0; i-- {
		kind := t.steps[i].kind
		if kind == indexed && i < len(t.steps)-1 {
			return "", 0
		}
		if kind == appended || kind == picked || kind == indexed || t.steps[i].each {
			names := []string{typeOf(strings.TrimPrefix(t.resource, "^"))}
			for _, s := range t.steps[:i+1] {
				names = append(names, s.name+s.url)
			}
			return strings.Join(names, "."), i
		}
	}
	return "", 0
}

// noteRows enters what the tables of a structure read and write, and those that read strays,
// once for all messages.
func (s *structure) noteRows(segments map[string]*table, strays []structureRow) {
	s.claims, s.fields, s.parents = map[string][]claimant{}, map[string]bool{}, map[string][]string{}
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
			if !r.back() {
				continue
			}
			s.fields[t.segment+"-"+itoa(r.field)] = true
			if key, _ := r.target.list(); key != "" {
				s.claims[key] = append(s.claims[key], claimant{t, r})
			}
		}
	}
}

// makes tells whether each segment of the table has a resource or element of that name of its own.
func (t *table) makes(resource string) bool {
	for i := range t.rows {
		r := &t.rows[i]
		if r.mapName == "element" && r.args[0] == resource {
			return true
		}
		if r.mapName == "new" && r.target.resource == resource && !strings.Contains(r.cond, " absent") {
			return true
		}
	}
	return false
}

// mark names the field of an item that its slice would not lead back to.
func (b *builder) mark(f *frame, r *row, root *fhir.Node, p place, rep int) {
	if key, _ := r.target.list(); key == "" || p.item.Kind() != fhir.Object {
		return
	}
	name := b.carrierName(f, r.field)
	if id := p.item.ID(); id != "" {
		if p.item != p.node && len(marksOf(id)) > 0 && b.origins[p.item] != name {
			b.sayToo(root, p.item, id, name, p.name) // a part of what another field said
		}
		return
	}
	b.origins[p.item] = name
	if !strings.Contains(name, "(") && !b.ambiguous(f, r, p.item) {
		return
	}
	if rep > 0 {
		name += "[" + itoa(rep+1) + "]"
	}
	b.setMark(root, p.item, name, p.name)
}

// setMark sets an Element.id that is unique in its resource.
func (b *builder) setMark(root, item *fhir.Node, name, element string) {
	at := linked{root: root, ref: name}
	if b.linked[at] {
		name += "." + strings.Trim(element, "_")
	}
	b.linked[at] = true
	item.Set("id", fhir.NewString(name))
}

// ambiguous tells whether the slice of the row does not pick the item, or that of another field does too.
func (b *builder) ambiguous(f *frame, r *row, item *fhir.Node) bool {
	key, at := r.target.list()
	if key == "" {
		return false
	}
	if !r.target.steps[at].matches(item) {
		return true
	}
	for _, c := range b.structure.claims[key] {
		if c.table.segment == f.table.segment && c.row.field == r.field {
			continue
		}
		if c.table != f.table && c.table.makes(c.row.target.resource) && f.table.makes(r.target.resource) {
			continue // each has its own
		}
		_, k := c.row.target.list()
		if s := c.row.target.steps[k]; s.kind == indexed && r.target.steps[at].kind == indexed && s.index != r.target.steps[at].index {
			continue
		}
		if !c.row.target.steps[k].marked && c.row.target.steps[k].matches(item) && b.holds(c.row.when, f) {
			return true
		}
	}
	return false
}

// markedFor tells whether the item that an element belongs to is marked for the field of
// the row, or for another field that messages of this structure have.
func (j *job) markedFor(f *frame, r *row, p place) (mine, other bool) {
	marks := marksOf(p.item.ID())
	if key, _ := r.target.list(); key == "" || len(marks) == 0 {
		return false, false
	}
	if slices.Contains(marks, j.carrierName(f, r.field)) {
		return true, false
	}
	return false, slices.ContainsFunc(marks, j.structure.has)
}

// has tells whether messages of this structure have the field of a mark.
func (s *structure) has(mark string) bool { return s.fields[fieldOf(mark)] }

// fieldOf returns the field that a mark names, whichever segment of its name said it: "PD1-4" of "PD1(2)-4".
func fieldOf(mark string) string { return mark[:3] + mark[strings.LastIndexByte(mark, '-'):] }

// twins mark what two fields said alike, so that both come back and neither by itself.
func (b *builder) twins(f *frame) {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		ref, ok := parseRef(r.arg0())
		if r.mapName != "same" || !ok || f.seg.field(r.field) == "" || !b.holds(r.when, f) {
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
	for _, m := range first.marks[field] {
		if !m.placed || m.rep > 0 || b.lookup(first, m.row.target.resource) != root || len(m.row.target.steps) == 0 {
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
		b.setMark(root, item, first+"+"+second, element)
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
