package translate

import (
	"regexp"
	"slices"
	"strings"

	"caregate/fhir"
)

// A stray is a segment that its structure does not have where it stands: of another
// version, in another order, of a structure that nobody has a table for. It stands under
// the segment before it. A row of ANY under "*" reads it where that makes a resource of
// its own; else a Basic keeps it, one extension for each field. The resource says after
// which segment it came, so that the way back writes it there.

// afterURL is the extension that says so: "OBX.Observation after PV1(2)", "NK1#2 after ZPI(1)"
// for the second there.
const afterURL = Extensions + "after"

// againURL is that of a segment that says the same as another one of the message.
const againURL = Extensions + "again"

// segmentForm is a segment that a Basic may keep: it may be forged.
var segmentForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{2}$`)

// strayWord stands between the table of a stray and the segment before it.
const strayWord = " after "

// stray finds what reads such a segment.
func (b *builder) stray(f *frame) {
	f.parent, f.stray = f.before, true
	t := b.strayTable(f)
	if t == nil {
		t = b.maps.keptTable(f.seg.name)
	}
	f.table = t
	f.row = &structureRow{segment: f.seg.name, table: t.name, send: "none"}
	if t.kept && f.seg.name == "PID" {
		b.stranger = true
	}
}

// keptTable is the table of a segment of which a Basic keeps every field, but what no
// profile lets in.
func (m *maps) keptTable(segment string) *table {
	kept := &table{name: segment, segment: segment, kept: true}
	kept.rows = append(kept.rows, m.withheld[segment]...)
	kept.indexFields()
	return kept
}

// strayTable returns the table of the first row that reads such a segment anywhere, nil
// for none. What follows a person of whom nobody knows who it is, is kept.
func (b *builder) strayTable(f *frame) *table {
	if b.stranger {
		return nil
	}
	for i := range b.maps.strays {
		r := &b.maps.strays[i]
		if r.segment == f.seg.name && b.holds(r.when, f) {
			return b.maps.segments[r.table]
		}
	}
	return nil
}

// anywhere tells whether the row reads its segment where no structure has it.
func (r *structureRow) anywhere() bool { return len(r.under) == 1 && r.under[0] == "*" }

// settle keeps a stray of which no resource was made.
func (b *builder) settle(f *frame) {
	if !f.table.kept && f.main().ResourceType() == "" {
		f.table = b.maps.keptTable(f.seg.name)
		for _, below := range f.below {
			if !below.stray {
				below.parent, below.stray, below.table = below.before, true, b.maps.keptTable(below.seg.name)
			}
		}
	}
	if f.table.kept {
		f.bound = nil
		f.bind("Basic", b.basic(f.seg), true)
		b.report(b.location(f, 0), IssueUnmapped, "no table reads this segment here; each field is kept in a Basic")
	}
}

// settleAll says on each resource where its segment stood, where the rows would not write
// it: of a stray, of one that stands before or after where the structure has it, or under
// a second segment of one resource, of one that says the same as another.
func (b *builder) settleAll() {
	b.displace()
	numbers := map[counted]int{}
	for _, f := range b.frames {
		root := f.root()
		switch at := (counted{f.parent, f.seg.name}); {
		case f.shared != nil:
			f.shared.Add("extension", after(f, againURL))
		case root != nil && (f.stray || f.displaced):
			root.Add("extension", after(f, afterURL))
		case root != nil:
			numbers[at]++ // those that are written together
			f.ordinal = numbers[at]
		default:
			numbers[at]++
		}
	}
}

// root returns the first resource that the segment has made, nil for none.
func (f *frame) root() *fhir.Node {
	for _, b := range f.bound {
		if b.own && b.node.ResourceType() != "" {
			return b.node
		}
	}
	return nil
}

// displace finds the segments that the rows would write at another place of the message
// than where they stand: their way down the structure is before that of one before them.
func (b *builder) displace() {
	var last []int
	for i, f := range b.frames {
		switch {
		case f.before == nil:
			f.way = []int{0}
		case f.stray || f.shared != nil || f.displaced || f.row == nil || f.parent == nil:
			f.way = append(slices.Clone(f.before.way), -1)
		default:
			f.way = append(slices.Clone(f.parent.way), f.row.group, i)
			if slices.Compare(f.way, last) < 0 && b.movable(f) {
				f.displaced, f.way = true, append(slices.Clone(f.before.way), -1)
			} else if slices.Compare(f.way, last) < 0 && b.moveBefore(i) {
				b.displace()
				return
			}
		}
		if slices.Compare(f.way, last) > 0 {
			last = f.way
		}
	}
}

// movable tells whether a resource can say where the segment stood: its own, and not one
// of which a message has one.
func (b *builder) movable(f *frame) bool {
	root := f.root()
	return root != nil && !f.displaced && f.shared == nil && !b.isSingle(root.ResourceType())
}

// moveBefore displaces what stands before segment i and would be written after it.
func (b *builder) moveBefore(i int) (moved bool) {
	for _, f := range b.frames[:i] {
		if slices.Compare(f.way, b.frames[i].way) > 0 && !f.stray && f.row != nil && b.movable(f) {
			f.displaced, moved = true, true
		}
	}
	return moved
}

// after is the extension that says where a segment stood, and which one under its parent.
func after(f *frame, url string) *fhir.Node {
	where := "nothing"
	if f.before != nil {
		where = placeName(f.before.seg)
	}
	name := f.table.nameOr(f.seg.name)
	if f.ordinal > 1 {
		name += "#" + itoa(f.ordinal)
	}
	return fhir.NewObject().SetText("url", url).SetText("valueString", name+strayWord+where)
}

func (t *table) nameOr(segment string) string {
	if t == nil {
		return segment
	}
	return t.name
}

func placeName(s *segment) string { return s.name + "(" + itoa(s.seq) + ")" }

// basic is the resource of a segment that has no other, so that policy can withhold it.
func (b *builder) basic(seg *segment) *fhir.Node {
	key := seg.name + itoa(seg.seq) + "\x1d"
	if child := b.singles["Patient"]; child != nil {
		key += child.Ref() + "\x1d" + seg.String()
	} else {
		key += b.content()
	}
	coding := fhir.NewObject().SetText("system", Extensions+"segment").SetText("code", seg.name)
	n := fhir.NewResource("Basic").SetText("id", b.id("Basic", key))
	n.Set("code", fhir.NewObject().Set("coding", fhir.NewArray(coding)))
	if child := b.singles["Patient"]; child != nil && !b.stranger {
		n.Set("subject", fhir.NewObject().SetText("reference", child.Ref()))
	}
	return n
}

// carryWhole keeps a Z segment in a Basic, whole.
func (b *builder) carryWhole(f *frame) {
	n := b.basic(f.seg)
	n.Add("extension", fhir.NewObject().SetText("url", Extensions+"segment").SetText("valueString", f.seg.String()))
	n.Add("extension", after(f, afterURL))
	b.whole = append(b.whole, n)
}

// placement is where the way back writes a resource that no row of the structure writes there.
type placement struct {
	node    *fhir.Node
	table   *table
	ordinal int
	again   bool // beside the place where a row does
}

// placements returns them with the segments that they stood after.
func (m *maps) placements(n *fhir.Node) (out []placement, where []string) {
	for _, ext := range n.Get("extension").Items() {
		name, at, ok := strings.Cut(ext.Get("valueString").Text(), strayWord)
		url := ext.Get("url").Text()
		if !ok || (url != afterURL && url != againURL) {
			continue
		}
		name, number, _ := strings.Cut(name, "#")
		t := m.segments[name]
		if n.ResourceType() == "Basic" {
			t = m.keptTable(n.At("code.coding[0].code").Text())
		}
		if t != nil && segmentForm.MatchString(t.segment) && t.segment != "MSH" && t.segment != "ZCG" {
			out, where = append(out, placement{n, t, ordinalOf(number), url == againURL}), append(where, at)
		}
	}
	return out, where
}

// ordinalOf reads the number of a mark, 1 for none.
func ordinalOf(number string) int {
	if integerForm.MatchString(number) && len(number) < 5 && number[0] != '-' {
		return atoi(number)
	}
	return 1
}

// gatherStrays finds what no row of the structure writes, on the way back.
func (w *writer) gatherStrays() {
	w.strays, w.isStray = map[string][]placement{}, map[*fhir.Node]bool{}
	if !w.wayBack {
		return
	}
	for _, n := range w.all {
		strays, where := w.maps.placements(n)
		for i, s := range strays {
			w.strays[where[i]] = append(w.strays[where[i]], s)
			w.isStray[n] = w.isStray[n] || !s.again
		}
	}
}

// followers writes the strays that stood after a segment.
func (w *writer) followers(f *frame) {
	for _, s := range w.strays[placeName(f.seg)] {
		w.writeStray(s, f)
	}
}

// orphans writes the strays of which the segment that they stood after is gone.
func (w *writer) orphans() {
	for _, n := range w.all {
		if !w.isStray[n] || w.used[n] {
			continue
		}
		strays, _ := w.maps.placements(n)
		for _, s := range strays {
			w.writeStray(s, nil)
		}
	}
}

// writeStray writes a segment that is not of the structure, and what stood after it.
func (w *writer) writeStray(s placement, parent *frame) {
	if w.used[s.node] && !s.again {
		return
	}
	if raw, ok := wholeSegment(s.node); ok {
		w.used[s.node] = true
		w.append(readWhole(raw))
		w.followers(&frame{seg: w.segs[len(w.segs)-1]})
		return
	}
	f := &frame{seg: &segment{name: s.table.segment, seq: 1}, table: s.table, parent: parent, ordinal: s.ordinal}
	f.row = &structureRow{segment: s.table.segment, table: s.table.name, send: "none"}
	w.bindAll(f, s.node)
	if w.write(f) {
		w.spoken[s.node] = f
	}
}
