package translate

import "caregate/fhir"

// composite returns the table of a datatype.
func (m *maps) composite(name string) compositeConverter {
	return compositeConverter{m.datatypes[name]}
}

// compositeConverter is a datatype whose map is a table.
type compositeConverter struct{ t *table }

func (k compositeConverter) to(c *call, v value) *fhir.Node {
	obj := fhir.NewObject()
	for i := range k.t.rows {
		r := &k.t.rows[i]
		sub := r.part(v)
		if !r.forward() || len(sub) == 0 || r.field == 0 {
			continue
		}
		d := c.j.borrow(*c)
		d.args, d.beside = r.args, nil
		if !c.quiet {
			d.location = c.location + "." + itoa(r.field)
		}
		d.keep = r.way == "<>"
		node := r.convert.to(d, sub)
		if r.way == ">" {
			d.beside = nil
		}
		if node != nil || d.beside != nil {
			merge(r.target, obj, node, d.beside)
		}
		c.j.idle = d
	}
	if obj.Len() == 0 {
		return nil
	}
	for i := range k.t.rows {
		if r := &k.t.rows[i]; r.field == 0 {
			r.target.put(obj, fhir.NewString(r.arg0()), "") // what no component says
		}
	}
	return obj
}

// part returns the component of the row; "rest" stands for it and all that follow.
func (r *row) part(v value) value {
	if len(r.args) == 0 || r.args[0] != "rest" {
		return v.comp(r.field)
	}
	if len(v) < r.field {
		return nil
	}
	rest := v[r.field-1 : min(len(v), r.field+2)]
	if rest.empty() {
		return nil
	}
	return rest
}

// merge puts node at the target, into an object that already stands there, and the
// extensions of a primitive beside it.
func merge(t target, root, node, beside *fhir.Node) {
	at := place{node: root}
	if len(t.steps) > 0 {
		found := t.find(root)
		if len(found) == 0 || found[0].node.Kind() != fhir.Object {
			if p, ok := t.put(root, node, ""); ok {
				p.annotate(beside)
			}
			return
		}
		at = found[0]
	}
	mergeDeep(at.node, node)
}

func (k compositeConverter) from(c *call, n *fhir.Node) value {
	var v value
	for i := range k.t.rows {
		r := &k.t.rows[i]
		if !r.back() || v.has(r.field) {
			continue
		}
		var room [4]place
		for _, p := range r.target.findIn(room[:0], n) {
			if c.arg(0) == "marked" && c.j.wayBack && c.f != nil && !p.saidBy(c) {
				break
			}
			d := c.j.borrow(*c)
			d.args, d.beside = r.args, p.annotations()
			sub := r.convert.from(d, p.node)
			if r.arg0() == "rest" {
				for i, comp := range sub {
					v = v.setComp(r.field+i, value{comp})
				}
			} else {
				v = v.setComp(r.field, sub)
			}
			c.j.idle = d
			break
		}
	}
	return v
}

// partial is a datatype that is only a part of its element: others write there too.
type partial interface {
	part(n *fhir.Node) *fhir.Node
}

// part returns what the rows of the table are about.
func (k compositeConverter) part(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	for i := range k.t.rows {
		t := k.t.rows[i].target
		if len(t.steps) == 0 {
			continue
		}
		for _, p := range t.find(n) {
			if node := p.bare(); node != nil {
				merge(t, out, node.Clone(), p.annotations().Clone())
			}
			break
		}
	}
	return out
}

// partOf copies the named members of an object.
func partOf(n *fhir.Node, names ...string) *fhir.Node {
	out := fhir.NewObject()
	for _, name := range names {
		out.Set(name, n.Get(name))
	}
	return out
}

// mergeDeep adds the members of node to those of an object that already stands there; lists of extensions grow.
func mergeDeep(to, node *fhir.Node) {
	for name, child := range node.Members() {
		have := to.Get(name)
		switch {
		case have == nil:
			to.Set(name, child)
		case have.Kind() == fhir.Object && child.Kind() == fhir.Object:
			mergeDeep(have, child)
		case name == "extension":
			for _, ext := range child.Items() {
				have.Append(ext)
			}
		}
	}
}
