package translate

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"caregate/fhir"
)

// group marks an element of a segment that stands under another than the first of its
// kind: Element.id "RGS2-AIP3" says the third AIP under the second RGS. The second
// argument of the row is the name of the segment whose first is meant without a mark.
// Where the structure has the table under several segments, "OBR-NTE" says under which.
func (b *builder) group(f *frame, r *row, root, item *fhir.Node) {
	if len(r.args) < 2 && f.parent != nil && len(b.structure.parents[f.table.name]) > 1 {
		name := f.parent.under(root) + "-" + f.seg.name
		if f.ordinal > 1 {
			name += "(" + itoa(f.ordinal) + ")"
		}
		b.setMark(root, item, name, 0, "")
		return
	}
	if len(r.args) < 2 || f.parent == nil || (f.parent.seg.name == r.args[1] && f.parent.seg.seq == 1) {
		return
	}
	item.SetText("id", groupName(f.parent)+f.seg.name+itoa(f.seg.seq))
}

func groupName(f *frame) string { return f.seg.name + itoa(f.seg.seq) + "-" }

// picks tells whether an element is one that the table makes, under that parent.
func (j *job) picks(t *table, item *fhir.Node, parent *frame) bool {
	for i := range t.rows {
		r := &t.rows[i]
		if r.mapName != "element" {
			continue
		}
		if len(r.target.steps) > 0 && !r.target.steps[len(r.target.steps)-1].matches(item) {
			return false
		}
		if marks := marksOf(item.ID()); len(marks) > 0 {
			return marks[0][:3] == t.segment // a field of another segment said it
		}
		if len(r.args) < 2 {
			return j.isUnder(t, item, parent)
		}
		return inGroup(item.ID(), r.args[1], parent)
	}
	return true
}

var underForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{2})((\([0-9]+\))?)-[A-Z][A-Z0-9]{2}(\([0-9]+\))?(\.[a-zA-Z]*)?$`)

// under names a segment for what stands under it: counted where the resource is not its own.
func (f *frame) under(root *fhir.Node) string {
	if f.ordinal > 1 && f.main() != root {
		return f.seg.name + "(" + itoa(f.ordinal) + ")"
	}
	return f.seg.name
}

// holdsUnder tells whether an item is marked to stand under a segment that says nothing itself.
func (w *writer) holdsUnder(f *frame) bool {
	for _, list := range w.home(f).Members() {
		for _, item := range list.Items() {
			if m := underForm.FindStringSubmatch(item.ID()); m != nil && !w.used[item] && m[1]+m[2] == f.seg.name {
				return true
			}
		}
	}
	return false
}

// isUnder tells whether an element may stand under that segment: its mark says so, or it
// has none that is known here.
func (j *job) isUnder(t *table, item *fhir.Node, parent *frame) bool {
	m := underForm.FindStringSubmatch(item.ID())
	if m == nil || parent == nil || !slices.Contains(j.structure.parents[t.name], m[1]) {
		return true
	}
	return m[1]+m[2] == parent.seg.name || m[1]+m[2] == parent.seg.name+"("+itoa(parent.ordinal)+")"
}

func inGroup(id, first string, parent *frame) bool {
	if !strings.Contains(id, "-") {
		return parent == nil || (parent.seg.name == first && parent.seg.seq == 1)
	}
	return parent == nil || strings.HasPrefix(id, groupName(parent))
}

// groups returns a frame for each segment that groups others and says nothing itself
// (RGS): those that are carried, and those that elements still to be written stand under.
func (w *writer) groups(r *structureRow, parent *frame) []*frame {
	t := w.maps.segments[r.table]
	probe := &frame{seg: &segment{name: r.segment, seq: 1}, row: r, table: t, parent: parent}
	seqs := w.carriedSeqs(probe)
	for i := range w.structure.rows {
		child := &w.structure.rows[i]
		if !slices.Contains(child.under, r.segment) || child.table == "-" {
			continue
		}
		for _, spec := range child.find {
			name, path, _ := strings.Cut(spec, ".")
			for _, item := range w.items(parent, name, path) {
				if !w.used[item] && w.picks(w.maps.segments[child.table], item, nil) {
					seqs = append(seqs, groupNumber(item.ID(), r.segment))
				}
			}
		}
	}
	slices.SortFunc(seqs, cmp.Compare)
	var frames []*frame
	for _, seq := range slices.Compact(seqs) {
		frames = append(frames, &frame{seg: &segment{name: r.segment, seq: seq}, row: r, table: t, parent: parent, number: seq})
	}
	return frames
}

// groupNumber reads the 2 of "RGS2-AIP3"; without a mark it is the first.
func groupNumber(id, segment string) int {
	number, _, ok := strings.Cut(strings.TrimPrefix(id, segment), "-")
	if ok && integerForm.MatchString(number) && len(number) < 4 && number[0] != '-' {
		return atoi(number)
	}
	return 1
}

// around returns the resource of the segment that a frame stands under, "parent" in a
// table: the nearest that is no stray itself.
func around(f *frame) *fhir.Node {
	for at := f.parent; at != nil; at = at.parent {
		if n := at.main(); !at.stray && n.ResourceType() != "" {
			return n
		}
	}
	return nil
}

// unsay gives an element that must be there and was not said a reason for its absence.
func unsay(r *row, root *fhir.Node) {
	for _, p := range r.target.find(root) {
		if p.node != nil {
			return
		}
		if beside := p.extensionsOf(false).Clone(); beside != nil && !prune(beside) { // a row may have opened a home for nothing
			return
		}
	}
	last := r.target.steps[len(r.target.steps)-1]
	at := root
	for i, s := range r.target.steps[:len(r.target.steps)-1] {
		at = s.descend(at, r.target.steps[i+1:])
	}
	if r.arg0() == "object" {
		at.Set(last.name, unsaid())
		return
	}
	at.Set("_"+last.name, unsaid())
}

// isReference tells whether the child of an item, or the item itself, is a reference of
// that kind: [actor=Device] a type of resource, [actor=-] a code that names none,
// [identifier=PLAC] the kind of its number, [coded=Organization] one that a code names,
// [performerFunction=v2-0912#MDIR] what it did.
// known is false where no reference is meant.
func isReference(item, child *fhir.Node, key, val string) (is, known bool) {
	switch {
	case key == performerFunction && val == "-":
		return functionOf(item) == nil, true
	case key == performerFunction:
		system, code, _ := strings.Cut(val, "#")
		return hasCoding(functionOf(item), system, code), true
	case key == "coded":
		return item.Get("type").Text() == val && conceptOf(item) != nil, true
	case key == "type" && conceptOf(item) != nil:
		return false, true
	case key == "attachment":
		return child.Get("contentType").Text() == textType, true
	case key == "actor" && val == "-":
		return child.Get("type") == nil && child.Get("reference") == nil && child != nil, true
	case key == "actor":
		ref := "/" + child.Get("reference").Text()
		return child.Get("type").Text() == val || strings.Contains(ref, "/"+val+"/"), true
	case key == "identifier":
		return has(child, "type", val), true
	}
	return false, false
}
