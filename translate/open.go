package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// open finds the row of the structure whose parent is nearest before the segment.
func (b *builder) open(s *structure, seg *segment) *frame {
	f := &frame{seg: seg}
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
		if at < 0 || at < best {
			continue
		}
		probe := &frame{seg: seg, parent: parent}
		if free := !b.taken(parent, r.table); b.holds(r.when, probe) && (at > best || (free && f.table == nil)) {
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
		if len(reps) > 0 && r.convert.to(c, parseValue(reps[0])) != nil {
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
