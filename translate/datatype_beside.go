package translate

import "caregate/fhir"

const (
	// alternateURL holds the code of which a FHIR code is only the nearest (the guide uses it too).
	alternateURL = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
	// zoneURL says in which zone a time was local that came without an offset.
	zoneURL = "http://hl7.org/fhir/StructureDefinition/tz-code"
	// precisionURL says that a time came to the minute; FHIR wants seconds.
	precisionURL = Extensions + "precision"
)

// annotate adds an extension beside the primitive that the converter makes.
func (c *call) annotate(url, kind string, n *fhir.Node) {
	if n == nil {
		return
	}
	if c.beside == nil {
		c.beside = fhir.NewObject()
	}
	extend(c.beside, url, kind, n)
}

// extend adds an extension to an element, "valueString" its kind.
func extend(n *fhir.Node, url, kind string, value *fhir.Node) {
	if value != nil {
		n.Add("extension", fhir.NewObject().SetText("url", url).Set(kind, value))
	}
}

// extensionOf returns the value of the extension with that url, nil for none.
func extensionOf(n *fhir.Node, url, kind string) *fhir.Node {
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() == url {
			return ext.Get(kind)
		}
	}
	return nil
}

// beneath converts with another datatype, and keeps what stands beside.
func (c *call) beneath(k converter, args []string, v value) *fhir.Node {
	d := c.below(c.location, args)
	n := k.to(d, v)
	c.beside = d.beside
	return n
}

// number sets the value of a quantity, and tells whether it is one.
func (c *call) number(n *fhir.Node, name string, v value) bool {
	d := c.below(c.location, nil)
	node := nmConverter{}.to(d, v)
	if node == nil {
		return false
	}
	n.Set(name, node)
	place{parent: n, name: name, node: node}.annotate(d.beside)
	return true
}

// put converts a component into a member of an object, what belongs beside it with it.
func (c *call) put(n *fhir.Node, name string, k converter, args []string, v value, at int) {
	if len(v.comp(at)) == 0 {
		return
	}
	d := c.below(c.location+"."+itoa(at), args)
	node := k.to(d, v.comp(at))
	p := place{parent: n, name: name, node: node}
	if node != nil {
		n.Set(name, node)
	}
	p.annotate(d.beside)
}

// take is the reverse of put.
func (c *call) take(n *fhir.Node, name string, k converter) value {
	p := place{parent: n, name: name, node: n.Get(name)}
	d := c.below(c.location, nil)
	d.beside = p.annotations()
	if p.node == nil && d.beside == nil {
		return nil
	}
	return k.from(d, p.node)
}
