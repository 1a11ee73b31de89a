package translate

import "caregate/fhir"

// organisationConverter is an organisation (XON) as a logical reference. "typed" reads none
// that does not say that it is one.
type organisationConverter struct{}

// numberOfOrganisation are the components of an XON that stand in a CX.
var numberOfOrganisation = laidOut{10, 4, 5, 6, 7, 8}

const (
	// idNumberURL holds XON-3, or says that the number is one.
	idNumberURL = Extensions + "id-number"
	// nameTypeURL is what kind of name an organisation has (table 0204).
	nameTypeURL = Extensions + "name-type"
	// representationURL is how a name is written (table 0465).
	representationURL = Extensions + "name-representation"
)

// organisation returns the number of an XON, and puts what is said of its name on n.
func (c *call) organisation(n *fhir.Node, v value) *fhir.Node {
	cx := numberOfOrganisation.in(v)
	if v.text(10) == "" {
		cx = cx.setComp(1, v.comp(3))
	}
	number := c.j.maps.composite("CX").to(c.below(c.location, nil), cx)
	if plain := v.text(3); plain != "" && number != nil {
		if v.text(10) == "" {
			extend(number, idNumberURL, "valueBoolean", fhir.NewBool(true))
		} else {
			extend(number, idNumberURL, "valueString", fhir.NewString(plain))
		}
	}
	if kind := v.comp(2); kind != nil {
		k, args := nameType(len(kind) == 1)
		extend(n, nameTypeURL, "valueCodeableConcept", k.to(c.below(c.location+".2", args), kind))
	}
	extend(n, representationURL, "valueString", textNode(v.text(9)))
	return number
}

// nameType is how XON-2 is read: up to 2.6 a code alone.
func nameType(alone bool) (converter, []string) {
	if alone {
		return tableConverter{}, []string{"0204"}
	}
	return cweConverter{}, nil
}

// unorganised is the reverse of organisation.
func (c *call) unorganised(n, number *fhir.Node) value {
	cx := c.j.maps.composite("CX").from(c.below(c.location, nil), number)
	v := numberOfOrganisation.back(nil, cx)
	if extensionOf(number, idNumberURL, "valueBoolean").Text() == "true" {
		v = v.clear(10).setComp(3, cx.comp(1))
	}
	v = v.set(3, extensionOf(number, idNumberURL, "valueString").Text())
	if kind := extensionOf(n, nameTypeURL, "valueCodeableConcept"); kind != nil {
		k, args := nameType(kind.At("coding[0].display") == nil && kind.Get("text") == nil)
		v = v.setComp(2, k.from(c.below(c.location, args), kind))
	}
	return v.set(9, extensionOf(n, representationURL, "valueString").Text())
}

func (organisationConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	if number := c.organisation(n, v); number != nil {
		n.Set("identifier", number)
	}
	if n.SetText("display", v.text(1)).Len() == 0 {
		return nil
	}
	return n.SetText("type", organisationType(c))
}

// organisationType is Organization, or Location where an element takes nothing else.
func organisationType(c *call) string {
	if c.arg(0) == "Location" {
		return "Location"
	}
	return "Organization"
}

func (organisationConverter) from(c *call, n *fhir.Node) value {
	if kind := n.Get("type").Text(); kind != organisationType(c) && (kind != "" || c.arg(0) == "typed") {
		return nil
	}
	return c.unorganised(n, n.Get("identifier")).set(1, n.Get("display").Text())
}

// xonConverter is an organisation (XON) and a resource of its own, its first number and its name.
type xonConverter struct{}

func (xonConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	if number := c.organisation(n, v); number != nil {
		n.Set("identifier", fhir.NewArray(number))
	}
	if n.SetText("name", v.text(1)).Len() == 0 {
		return nil
	}
	return n
}

func (xonConverter) from(c *call, n *fhir.Node) value {
	return c.unorganised(n, n.Get("identifier").Item(0)).set(1, n.Get("name").Text())
}

func (xonConverter) part(n *fhir.Node) *fhir.Node {
	out := partOf(n, "name")
	if number := n.Get("identifier").Item(0); number != nil {
		out.Set("identifier", fhir.NewArray(number))
	}
	for _, url := range []string{nameTypeURL, representationURL} {
		for _, ext := range n.Get("extension").Items() {
			if ext.Get("url").Text() == url {
				out.Add("extension", ext)
			}
		}
	}
	return out
}
