package translate

import (
	"cmp"
	"slices"

	"caregate/fhir"
)

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

// bindTo binds the resource that an element refers to.
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
