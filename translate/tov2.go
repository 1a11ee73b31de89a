package translate

import (
	"cmp"
	"slices"
	"strings"

	"caregate/fhir"
)

// ToV2 renders a Bundle as one message in the partner's profile. MSH comes from the
// profile and the Meta, MSA from Meta.ReplyTo; absent resources give absent segments;
// what has no place in the message is an Issue located in the Bundle. Without a
// Meta.ControlID the message is rebuilt as it came in, header included: the way back.
// It fails with ErrStructure for a structure that the profile does not allow, and with
// ErrLength, located in the issues, for what is too long and must not be cut.
func ToV2(bundle *fhir.Node, p Profile, m Meta) ([]byte, []Issue, error) {
	maps, err := loaded()
	if err != nil {
		return nil, nil, err
	}
	w := &writer{
		job:  &job{p: &p, maps: maps, singles: map[string]*fhir.Node{}, places: map[*fhir.Node]string{}, wayBack: m.ControlID == ""},
		meta: m, index: map[*fhir.Node]int{}, used: map[*fhir.Node]bool{}, spoken: map[*fhir.Node]*frame{}, spent: map[linked]bool{},
	}
	w.gather(bundle)
	code, trigger, structure := w.event()
	w.trigger = trigger
	s := maps.structureOf(code, trigger, structure)
	if s == nil && w.wayBack {
		s = maps.structures["ANY"]
	}
	if s == nil || (!p.allows(structure) && !p.allows(s.name)) {
		return nil, nil, ErrStructure
	}
	w.structure, w.many = s, s.many
	for name := range s.many {
		if len(w.ofType(name)) > 1 {
			w.singles[name] = nil
		}
	}
	w.header(code, structure)
	w.reply()
	head := &frame{seg: w.first("MSH"), row: &structureRow{segment: "MSH", table: "MSH"}}
	w.followers(head)
	w.children(head)
	w.orphans()
	w.trailer()
	w.unrendered(bundle)
	if err := w.conform(); err != nil {
		return nil, once(w.issues), err
	}
	return w.bytes(), once(w.issues), nil
}

// writer renders one Bundle.
type writer struct {
	*job
	meta   Meta
	all    []*fhir.Node
	index  map[*fhir.Node]int
	used   map[*fhir.Node]bool
	spoken map[*fhir.Node]*frame // the segment that a resource was written as
	byRef  map[string]*fhir.Node // "Type/id" and fullUrl
	seqs   map[string]int
	spent  map[linked]bool // what is carried of a segment that was written

	strays  map[string][]placement // what stood after a segment, "PV1(2)", where no row writes it
	isStray map[*fhir.Node]bool
}

// gather indexes the Bundle and picks the resources of which a message has one.
func (w *writer) gather(bundle *fhir.Node) {
	w.seqs, w.byRef = map[string]int{}, map[string]*fhir.Node{}
	w.singles["Bundle"] = bundle
	for i, n := range fhir.Entries(bundle) {
		w.all = append(w.all, n)
		for _, ref := range []string{n.Ref(), bundle.Get("entry").Item(i).Get("fullUrl").Text()} {
			if ref != "" && w.byRef[ref] == nil {
				w.byRef[ref] = n
			}
		}
		w.index[n] = i
		w.places[n] = "Bundle.entry[" + itoa(i) + "].resource"
	}
	w.gatherStrays()
	for _, name := range []string{"MessageHeader", "Task", "ServiceRequest", "Patient", "Encounter"} {
		if all := w.ofType(name); len(all) > 0 {
			w.singles[name] = all[0]
		}
	}
	w.prefer("ServiceRequest", w.singles["Task"].At("focus"))
	w.prefer("Patient", w.singles["Task"].At("for"))
	w.prefer("Patient", w.singles["ServiceRequest"].At("subject"))
	for _, n := range w.singles["MessageHeader"].Get("contained").Items() {
		if n.ResourceType() == "OperationOutcome" {
			w.singles["OperationOutcome"] = n
		}
	}
}

// prefer makes the resource that a reference leads to the one of its kind.
func (w *writer) prefer(name string, reference *fhir.Node) {
	if n := w.resolve(reference); n.ResourceType() == name {
		w.singles[name] = n
	}
}

func (w *writer) ofType(name string) []*fhir.Node {
	var out []*fhir.Node
	for _, n := range w.all {
		if n.ResourceType() == name && !w.isStray[n] {
			out = append(out, n)
		}
	}
	return out
}

// resolve returns the resource of the Bundle that a reference leads to, nil for none.
func (w *writer) resolve(reference *fhir.Node) *fhir.Node {
	ref := reference.Get("reference").Text()
	if n := w.byRef[ref]; n != nil || ref == "" {
		return n
	}
	if parts := strings.Split(ref, "/"); len(parts) > 2 {
		return w.byRef[strings.Join(parts[len(parts)-2:], "/")]
	}
	return nil
}

// event returns message code, trigger and structure: of the Meta, or as the message came.
func (w *writer) event() (code, trigger, structure string) {
	code, trigger, _ = strings.Cut(w.meta.Event, "^")
	if w.meta.Event == "" {
		v := parseValue(safeRaw(w.singles["MessageHeader"].At("eventCoding.display").Text()))
		return v.text(1), v.text(2), or(v.text(3), v.text(1))
	}
	if s := w.maps.structureOf(code, trigger, ""); s != nil {
		structure = s.name
	}
	return code, trigger, structure
}

// children writes the segments that belong under a frame, in the order of the structure;
// neighbouring rows of one segment are written together, in the order of the Bundle.
func (w *writer) children(parent *frame) {
	rows := w.structure.rows
	for i := 0; i < len(rows); {
		var group []*frame
		next := i
		for ; next < len(rows) && rows[next].segment == rows[i].segment; next++ {
			if w.belongs(&rows[next], parent) {
				group = append(group, w.candidates(&rows[next], parent, len(group))...)
			}
		}
		slices.SortStableFunc(group, func(a, b *frame) int { return cmp.Compare(w.index[a.main()], w.index[b.main()]) })
		w.writeAll(placed(group))
		i = next
	}
}

// placed puts the segments that are only carried where their number says they stood.
func placed(group []*frame) []*frame {
	var out, carried []*frame
	for _, f := range group {
		if f.number > 0 && f.main() == nil {
			carried = append(carried, f)
		} else {
			out = append(out, f)
		}
	}
	for _, f := range carried {
		out = slices.Insert(out, min(f.number-1, len(out)), f)
	}
	return out
}

func (w *writer) belongs(r *structureRow, parent *frame) bool {
	under := slices.Contains(r.under, parent.seg.name) || slices.Contains(r.under, parent.row.table)
	return under && r.table != "*" && (w.wayBack && r.send != "only" || !w.wayBack && r.send != "none")
}

// writeAll writes the frames of one segment under one parent, numbered from 1.
func (w *writer) writeAll(group []*frame) {
	ordinal := 1
	for _, f := range group {
		f.ordinal = ordinal
		if (!w.used[f.main()] || w.again(f)) && w.write(f) {
			w.spoken[f.main()] = f
			ordinal++
		}
	}
}

// again tells whether a resource was written by the same row, under another parent: two
// orders with one specimen each have its segment.
func (w *writer) again(f *frame) bool {
	before := w.spoken[f.main()]
	return !w.wayBack && before != nil && before.row == f.row && before.parent != f.parent && before.parent.seg.name == f.parent.seg.name &&
		(f.parent.main() == nil || f.parent.main() != before.parent.main())
}

// write rebuilds the segment of a frame and what belongs under it; false where it says nothing.
func (w *writer) write(f *frame) bool {
	if f.row.send == "only" && w.first(f.seg.name) != nil {
		return false
	}
	seg := w.rebuild(f, nil)
	if fields := list(f.row.send); !w.wayBack && f.row.send != "all" && f.row.send != "none" && f.row.send != "only" {
		for n := range seg.fields {
			if !slices.Contains(fields, itoa(n+1)) {
				seg.fields[n] = nil
			}
		}
	}
	owned := w.wayBack && f.main().ResourceType() != "" // something made it
	needed := (owned || len(f.row.needs) == 0) && (seg.valued() || slices.Contains(f.row.find, "grouped"))
	for _, n := range f.row.needs {
		needed = needed || seg.field(n) != ""
	}
	if w.wayBack && !needed { // what is carried, or an item of a list, shows that it stood there
		needed = len(w.carriedFields(f)) > 0 || (f.main() != nil && f.main().ResourceType() == "" && f.table.says(seg)) || w.holdsUnder(f)
	}
	if !needed {
		return false
	}
	for _, b := range f.bound {
		w.used[b.node] = true
	}
	if f.number > 0 {
		w.spent[w.spentBy(f)] = true
	}
	w.markSingles(f)
	w.markItems(f)
	w.append(seg)
	f.seg = seg
	w.followers(f)
	if !f.table.kept {
		w.children(f)
	}
	return true
}

// says tells whether a segment says more than its number and its datatype.
func (t *table) says(seg *segment) bool {
	return slices.ContainsFunc(t.rows, func(r row) bool {
		return r.field > 0 && seg.field(r.field) != "" && !slices.Contains(silent, r.mapName) && r.arg0() != "type"
	})
}

// spentBy names what is carried of a segment that has nothing else.
func (w *writer) spentBy(f *frame) linked {
	return linked{root: w.home(f), ref: w.carrierSegment(f)}
}

// markItems notes the items of lists that fields of the segment say a part of: they make
// no segment of their own.
func (w *writer) markItems(f *frame) {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		root := f.get(r.target.resource)
		if n := len(r.target.steps); root == nil || n < 2 || r.target.steps[n-2].kind != picked {
			continue
		}
		for _, p := range r.target.find(root) {
			w.used[p.parent] = true
		}
	}
}

// markSingles notes that a segment speaks for the resources of which a message has one.
func (w *writer) markSingles(f *frame) {
	for _, name := range f.row.find {
		if n := w.singles[name]; n != nil && w.isSingle(name) {
			w.used[n] = true
		}
	}
}

func (w *writer) append(seg *segment) {
	w.seqs[seg.name]++
	seg.seq = w.seqs[seg.name]
	w.segs = append(w.segs, seg)
	w.note(seg)
}
