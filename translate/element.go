package translate

import (
	"strings"

	"caregate/fhir"
)

// assumedURL marks what no field said.
const assumedURL = Extensions + "assumed"

// assumed tells whether no field said the element.
func (p place) assumed() bool {
	for _, ext := range p.extensionsOf(false).Get("extension").Items() {
		if ext.Get("url").Text() == assumedURL {
			return true
		}
	}
	return false
}

// place is one element that a row wrote or found.
type place struct {
	parent *fhir.Node
	name   string     // member of parent
	node   *fhir.Node // the element; nil for a primitive that has no value
	inList bool       // node is an item of the list parent.name
	item   *fhir.Node // the innermost item of a list that the element is, or stands in
}

// extensionsOf returns the object whose "extension" list belongs to the element; with
// make it is created. A primitive has its extensions beside it, under "_name".
func (p place) extensionsOf(create bool) *fhir.Node {
	if p.node.Kind() == fhir.Object {
		return p.node
	}
	if p.inList {
		if p.node != nil || !create {
			return nil // an item of a list of primitives: its carrier stands on the resource
		}
		item := fhir.NewObject()
		p.parent.Add(p.name, item)
		return item
	}
	beside := p.parent.Get("_" + p.name)
	if beside == nil && create {
		beside = fhir.NewObject()
		p.parent.Set("_"+p.name, beside)
	}
	return beside
}

// annotate puts extensions beside a primitive; an item of a list of primitives has no place for them.
func (p place) annotate(beside *fhir.Node) {
	if beside != nil && !p.inList {
		mergeDeep(p.extensionsOf(true), beside)
	}
}

// annotations returns what stands beside a primitive but carriers, nil for nothing.
func (p place) annotations() *fhir.Node {
	if p.node.Kind() == fhir.Object {
		return nil
	}
	return unmarked(stripped(p.extensionsOf(false)))
}

// same compares two elements; the order of members does not matter.
func same(a, b *fhir.Node) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case fhir.Array:
		for i, item := range a.Items() {
			if !same(item, b.Item(i)) {
				return false
			}
		}
		return true
	case fhir.Object:
		for name, child := range a.Members() {
			if !same(child, b.Get(name)) {
				return false
			}
		}
		return true
	}
	return sameText(a.Text(), b.Text())
}

// sameText compares two texts of which a message may have given one: what FHIR has no string
// for stands there as it is written in v2.
func sameText(a, b string) bool {
	return a == b || strings.IndexFunc(a, isControl) >= 0 && escape(a) == b || strings.IndexFunc(b, isControl) >= 0 && escape(b) == a
}
