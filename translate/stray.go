package translate

import (
	"regexp"
	"strings"

	"caregate/fhir"
)

// A stray is a segment that its structure does not have where it stands: of another
// version, in another order, of a structure that nobody has a table for. It stands under
// the segment before it. A row of ANY under "*" reads it where that makes a resource of
// its own; else a Basic keeps it, one extension for each field. The resource says after
// which segment it came, so that the way back writes it there.

// afterURL is the extension that says so: "OBX.Observation after PV1(2)".
const afterURL = Extensions + "after"

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
	for _, t := range m.segments {
		for i := range t.rows {
			if t.segment == segment && t.rows[i].mapName == "withhold" {
				kept.rows = append(kept.rows, t.rows[i])
			}
		}
	}
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

// settle says on the resource of a stray where it stood; one of which none was made is kept.
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
	f.main().Add("extension", after(f))
}

// after is the extension that says where a segment stood.
func after(f *frame) *fhir.Node {
	where := "nothing"
	if f.before != nil {
		where = placeName(f.before.seg)
	}
	return fhir.NewObject().SetText("url", afterURL).SetText("valueString", f.table.nameOr(f.seg.name)+strayWord+where)
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
	key := b.first("MSH").field(10) + "\x1d" + seg.name + itoa(seg.seq)
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
	n.Add("extension", after(f))
	b.whole = append(b.whole, n)
}

// strayOf returns the table of a stray and the segment it stood after.
func (m *maps) strayOf(n *fhir.Node) (t *table, where string) {
	for _, ext := range n.Get("extension").Items() {
		name, where, ok := strings.Cut(ext.Get("valueString").Text(), strayWord)
		if ext.Get("url").Text() != afterURL || !ok {
			continue
		}
		if n.ResourceType() == "Basic" {
			return m.keptTable(n.At("code.coding[0].code").Text()), where
		}
		return m.segments[name], where
	}
	return nil, ""
}

// gatherStrays finds the resources that no row of the structure writes, on the way back.
func (w *writer) gatherStrays() {
	w.strays, w.isStray = map[string][]*fhir.Node{}, map[*fhir.Node]bool{}
	if !w.wayBack {
		return
	}
	for _, n := range w.all {
		if t, where := w.maps.strayOf(n); t != nil && segmentForm.MatchString(t.segment) && t.segment != "MSH" && t.segment != "ZCG" {
			w.strays[where] = append(w.strays[where], n)
			w.isStray[n] = true
		}
	}
}

// followers writes the strays that stood after a segment.
func (w *writer) followers(f *frame) {
	for _, n := range w.strays[placeName(f.seg)] {
		w.writeStray(n, f)
	}
}

// writeStray writes a segment that is not of the structure, and what stood after it.
func (w *writer) writeStray(n *fhir.Node, parent *frame) {
	if w.used[n] {
		return
	}
	if raw, ok := wholeSegment(n); ok {
		w.used[n] = true
		w.append(readWhole(raw))
		w.followers(&frame{seg: w.segs[len(w.segs)-1]})
		return
	}
	t, _ := w.maps.strayOf(n)
	f := &frame{seg: &segment{name: t.segment, seq: 1}, table: t, parent: parent, ordinal: 1}
	f.row = &structureRow{segment: t.segment, table: t.name, send: "none"}
	w.bindAll(f, n)
	if w.write(f) {
		w.spoken[n] = f
	}
}
