package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// stillSays tells whether an element is what the carried field became, so not edited since.
func (j *job) stillSays(f *frame, r *row, p place, raw string) bool {
	if slices.Contains(silent, r.mapName) {
		return true
	}
	c := &call{j: j, f: f, args: r.args, quiet: true}
	reps, was := strings.Split(raw, "~"), f.seg.reps(r.field)
	f.seg.put(r.field, reps) // a value may be all of its repetitions
	for len(reps) > 1 && reps[0] == "" && !r.joins() {
		reps = reps[1:] // the element is the first one that says something
	}
	n := j.convert(c, r, reps)
	f.seg.put(r.field, was)
	have := j.comparable(r, p)
	return same(have, n) || (n == nil && f.table.fallback(r, have))
}

// fallback tells whether an element only says what the table says where a field says nothing.
func (t *table) fallback(r *row, n *fhir.Node) bool {
	for i := range t.rows {
		d := &t.rows[i]
		if d.field == 0 && d.mapName == "text" && d.target.text == r.target.text && d.arg0() == n.Text() {
			return true
		}
	}
	return false
}

// comparable returns the part of an element that the row is about.
func (j *job) comparable(r *row, p place) *fhir.Node {
	n := p.bare()
	if same(n, unsaidAlready) {
		return nil
	}
	if len(r.target.steps) == 0 && n.ResourceType() == "" && n.ID() != "" {
		n = n.Clone()
		n.Remove("id") // the mark of its group
	}
	if slices.Contains(r.args, "notext") {
		n = n.Clone()
		n.Remove("text")
		if n.Len() == 0 {
			return nil
		}
		return n
	}
	k, isPartial := r.convert.(partial)
	if _, composite := k.(compositeConverter); !isPartial || n == nil || (composite && len(r.target.steps) > 0) {
		return n
	}
	part := k.part(n)
	if part.Len() == 0 {
		return nil
	}
	return part
}

// agrees tells whether every row of a field would make of these repetitions the elements that are there.
func (j *job) agrees(f *frame, n int, reps []string) bool {
	was := f.seg.reps(n)
	f.seg.put(n, reps) // a value may be all of its repetitions
	defer f.seg.put(n, was)
	for _, r := range f.table.of(n) {
		if r.way != "<>" || slices.Contains(silent, r.mapName) || !j.holds(r.when, f) {
			continue
		}
		root := j.lookup(f, r.target.resource)
		if root != nil && !j.rowAgrees(f, r, root, reps) {
			return false
		}
	}
	return true
}

func (j *job) rowAgrees(f *frame, r *row, root *fhir.Node, reps []string) bool {
	if r.mapName == "attachment" && r.arg0() == "type" {
		places := j.ours(nil, f, r, root)
		return len(places) == 0 || j.comparable(r, places[0]) == nil || reps[0] == "ED" || reps[0] == "RP"
	}
	if r.mapName == "varies" && r.arg0() != "value" {
		return j.fits(f, r, root, reps[0])
	}
	var want []*fhir.Node
	for i := range reps {
		if reps[i] == "" && len(reps) > 1 && !r.joins() {
			continue
		}
		c := j.borrow(call{f: f, args: r.args, quiet: true, rep: i})
		group := reps[i : i+1]
		if r.joins() {
			group = reps
		}
		if n := j.convert(c, r, group); n != nil {
			want = append(want, n)
		}
		j.idle = c
		if r.joins() || !r.repeats() {
			break
		}
	}
	var have []*fhir.Node
	var room [4]place
	for _, p := range j.ours(room[:0], f, r, root) {
		if n := j.comparable(r, p); n != nil && (len(want) > 0 || !f.table.fallback(r, n)) {
			have = append(have, n)
		}
	}
	return slices.EqualFunc(have, want, same)
}

// joins tells whether all repetitions of the field are one element.
func (r *row) joins() bool {
	return r.mapName == "lines" || r.mapName == "document" || r.mapName == "numbers" || r.mapName == "race"
}

// repeats tells whether each repetition of the field is an element of its own.
func (r *row) repeats() bool {
	for _, s := range r.target.steps {
		if s.kind == appended || s.kind == picked || s.each {
			return true
		}
	}
	return false
}
