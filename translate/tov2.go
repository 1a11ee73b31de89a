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

// candidates returns a frame for each resource or element that makes such a segment,
// for the resources of which a message has one, or for what is carried of it. So many as
// there are already speak for the first of what is carried.
func (w *writer) candidates(r *structureRow, parent *frame, have int) []*frame {
	t := w.maps.segments[r.table]
	if slices.Contains(r.find, "grouped") {
		return w.groups(r, parent)
	}
	if slices.Contains(r.find, "none") {
		return nil // read, never written
	}
	var frames []*frame
	for _, n := range w.found(r, parent) {
		f := &frame{seg: &segment{name: r.segment, seq: 1}, row: r, table: t, parent: parent}
		w.bindAll(f, n)
		frames = append(frames, f)
	}
	if len(frames) > 0 && (!w.wayBack || frames[0].main().ResourceType() != "") {
		return frames
	}
	f := &frame{seg: &segment{name: r.segment, seq: 1}, row: r, table: t, parent: parent}
	if len(frames) == 0 && w.ownsSingle(r, parent) {
		if r.segment == "PID" && w.singles["Patient"] != nil {
			f.bind("Patient", w.singles["Patient"], true) // what stands under the child is carried by the child
		}
		w.bindLinked(f)
		return []*frame{f}
	}
	for _, seq := range w.carriedSeqs(f) {
		f := &frame{seg: &segment{name: r.segment, seq: seq}, row: r, table: t, parent: parent, number: seq}
		if (seq > have || len(frames) > 0) && !w.spent[w.spentBy(f)] { // also between those that are items of a list
			frames = append(frames, f)
		}
	}
	return frames
}

// ownsSingle tells whether the segment is made of resources of which a message has one,
// or, "^ServiceRequest", of one that a segment around it speaks for.
func (w *writer) ownsSingle(r *structureRow, parent *frame) bool {
	for _, name := range r.find {
		if around, ok := strings.CutPrefix(name, "^"); ok && w.lookup(parent, around) != nil {
			return true
		}
		if w.isSingle(name) && w.singles[name] != nil {
			return true
		}
	}
	return false
}

// found returns the resources and elements that the row names, in the order of the Bundle.
func (w *writer) found(r *structureRow, parent *frame) []*fhir.Node {
	var out []*fhir.Node
	want := mainOf(w.maps.segments[r.table])
	for _, spec := range r.find {
		if name, path, ok := strings.Cut(strings.TrimSuffix(spec, "]"), "["); ok && !strings.Contains(name, ".") {
			out = append(out, w.each(parent, name, path)...)
			continue
		}
		spec, marked := strings.CutPrefix(spec, "=")
		name, rest, isPath := strings.Cut(spec, ".")
		if !isPath {
			out = append(out, w.free(name)...)
			continue
		}
		for _, item := range w.items(parent, name, rest) {
			if n := w.resolve(item); w.isStray[n] {
				continue
			} else if n != nil {
				item = n
			} else if item.Get("reference") != nil {
				continue
			}
			if item.ResourceType() == "" && !w.picks(w.maps.segments[r.table], item, parent) || marked && !underForm.MatchString(item.ID()) {
				continue
			}
			if item.ResourceType() == "" || item.ResourceType() == want || want == "PractitionerRole" {
				out = append(out, item)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *fhir.Node) int { return cmp.Compare(w.index[a], w.index[b]) })
	return slices.Compact(out)
}

// each returns every resource of a kind whose reference at path leads to what the
// segment stands under; with "!path" those that have nothing there, with "?path" something.
func (w *writer) each(parent *frame, name, path string) []*fhir.Node {
	verb := strings.TrimRight(path[:1], "abcdefghijklmnopqrstuvwxyz")
	at, err := parseTarget(name + "." + path[len(verb):])
	if err != nil {
		return nil
	}
	all := w.ofType(name)
	if strings.Contains(name, "!") {
		all = w.free(name)
	}
	return slices.DeleteFunc(all, func(n *fhir.Node) bool {
		found := at.find(n)
		if verb != "" || len(found) == 0 {
			return (len(found) == 0) != (verb == "!")
		}
		to := w.resolve(found[0].node)
		return to == nil || (to != parent.main() && (parent.main() != nil || w.lookup(parent, to.ResourceType()) != to || !slices.ContainsFunc(parent.row.find, func(name string) bool { return strings.TrimPrefix(name, "^") == to.ResourceType() })))
	})
}

// free returns the resources of a kind: none of a kind of which a message has one, and
// of "Observation!DiagnosticReport" those that no DiagnosticReport has as its result.
// "MedicationRequest!MedicationRequest/basedOn" names another element than result.
func (w *writer) free(spec string) []*fhir.Node {
	name, owners, _ := strings.Cut(spec, "!")
	if w.isSingle(name) {
		return nil
	}
	taken := map[*fhir.Node]bool{}
	for owner := range strings.SplitSeq(owners, "!") {
		owner, element, _ := strings.Cut(owner, "/")
		for _, n := range w.ofType(owner) {
			for _, item := range n.Get(or(element, "result")).Items() {
				taken[w.resolve(item)] = true
			}
		}
	}
	return slices.DeleteFunc(w.ofType(name), func(n *fhir.Node) bool { return taken[n] })
}

// items returns the elements at a path of the nearest resource of that name.
func (w *writer) items(parent *frame, name, path string) []*fhir.Node {
	at := w.lookup(parent, name).At(path)
	if at.Kind() != fhir.Array {
		if at == nil {
			return nil
		}
		return []*fhir.Node{at}
	}
	var out []*fhir.Node
	for i, item := range at.Items() {
		w.index[item] = i
		out = append(out, item)
	}
	return out
}

// mainOf returns the first resource that a table makes, or, for the way back only, writes from.
func mainOf(t *table) string {
	for i := range t.rows {
		if t.rows[i].mapName == "new" {
			return t.rows[i].target.resource
		}
	}
	if len(t.rows) > 0 {
		return t.rows[0].target.resource
	}
	return ""
}

// bindAll binds a resource or element and the resources that the table links it to.
func (w *writer) bindAll(f *frame, n *fhir.Node) {
	name := n.ResourceType()
	if name == "" {
		for i := range f.table.rows {
			if f.table.rows[i].mapName == "element" {
				name = f.table.rows[i].args[0]
			}
		}
	}
	main := mainOf(f.table)
	if typeOf(main) == name {
		name = main // "Patient#prior"
	}
	f.bind(name, n, true)
	w.bindLinked(f)
	slices.SortStableFunc(f.bound, func(a, b binding) int { return cmp.Compare(notMain(a, main), notMain(b, main)) })
}

// notMain is 0 for the resource that carries the segment's own fields.
func notMain(b binding, main string) int {
	if b.name == main {
		return 0
	}
	return 1
}

// bindLinked binds the resources that those of the frame refer to, and those of which a
// message has several that refer to them.
func (w *writer) bindLinked(f *frame) {
	for i := range f.table.rows {
		r := &f.table.rows[i]
		if r.mapName == "element" && f.get(r.args[0]) == nil {
			w.bindElement(f, r)
		}
		if r.mapName != "ref" || r.arg(1) == "around" || w.isSingle(r.args[0]) || f.get(r.args[0]) != nil && f.get(r.target.resource) != nil {
			continue
		}
		if root := w.lookup(f, r.target.resource); root != nil && f.table.news(r.args[0]) && (f.get(r.target.resource) != nil || f.get(r.args[0]) == nil) {
			w.bindTo(f, r, root)
		} else if to := f.get(r.args[0]); to != nil && (w.many[r.target.resource] && f.table.news(r.target.resource) || f.table.makes(r.target.resource)) {
			w.bindFrom(f, r, to)
		}
	}
}

// bindTo binds the resource that an element refers to.
// news tells whether the table makes a resource of that name.
func (t *table) news(name string) bool {
	return slices.ContainsFunc(t.rows, func(r row) bool { return r.mapName == "new" && r.target.resource == name })
}

// bindElement binds the element elsewhere that refers to the segment's own resource.
func (w *writer) bindElement(f *frame, r *row) {
	for _, p := range r.target.find(w.lookup(f, r.target.resource)) {
		for i := range f.table.rows {
			ref := &f.table.rows[i]
			if ref.mapName != "ref" || ref.target.resource != r.args[0] || f.get(r.args[0]) != nil {
				continue
			}
			for _, at := range ref.target.find(p.node) {
				if to := w.resolve(at.node); to != nil && to == f.main() {
					f.bind(r.args[0], p.node, true)
				}
			}
		}
	}
}

func (w *writer) bindTo(f *frame, r *row, root *fhir.Node) {
	last := step{}
	if n := len(r.target.steps); n > 0 {
		last = r.target.steps[n-1]
	}
	for _, p := range r.target.find(root) {
		if last.key == "id" && !slices.Contains(marksOf(p.node.ID()), last.val) {
			continue // another field's
		}
		if to := w.resolve(p.node); to.ResourceType() == typeOf(r.args[0]) && f.get(r.args[0]) == nil && !f.speaksFor(to) {
			f.bind(r.args[0], to, true)
		}
	}
}

// bindFrom binds the resource that refers to one of the frame.
func (w *writer) bindFrom(f *frame, r *row, to *fhir.Node) {
	for _, n := range w.ofType(typeOf(r.target.resource)) {
		for _, p := range r.target.find(n) {
			if w.resolve(p.node) == to && f.get(r.target.resource) == nil {
				f.bind(r.target.resource, n, true)
			}
		}
	}
}

// write rebuilds the segment of a frame and what belongs under it; false where it says nothing.
func (w *writer) write(f *frame) bool {
	if f.row.send == "only" && w.first(f.seg.name) != nil {
		return false
	}
	seg := w.rebuild(f)
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
