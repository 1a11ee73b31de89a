package translate

import (
	"cmp"
	"slices"
	"strings"

	"caregate/fhir"
)

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
