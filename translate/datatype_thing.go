package translate

import (
	"strings"

	"caregate/fhir"
)

// linkConverter is a number (EI) as a logical reference to what has it, so that nothing
// dangles. Arguments: the resource type, and the kind of the number (PLAC, FILL) or "".
type linkConverter struct{}

func (linkConverter) to(c *call, v value) *fhir.Node {
	number := c.j.maps.converterFor("EI").to(c.below(c.location, nil), v)
	if number.Get("value") == nil {
		return nil
	}
	if kind := c.arg(1); kind != "" {
		coding := fhir.NewObject().SetText("system", terminology+"v2-0203").SetText("code", kind)
		typed := fhir.NewObject().Set("type", fhir.NewObject().Set("coding", fhir.NewArray(coding)))
		merge(target{}, typed, number, nil)
		number = typed
	}
	return fhir.NewObject().SetText("type", c.arg(0)).Set("identifier", number)
}

func (linkConverter) from(c *call, n *fhir.Node) value {
	return c.j.maps.converterFor("EI").from(c.below(c.location, nil), n.Get("identifier"))
}

// numbersConverter is a thing with one or more numbers (EI, repeating), as one logical
// reference: the first is its identifier, the others stand in our extension identifier.
// Its argument is the resource type.
type numbersConverter struct{}

const identifierURL = Extensions + "identifier"

func (numbersConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	var first *fhir.Node
	for i, rep := range v {
		number := c.j.maps.converterFor("EI").to(c.below(c.location, nil), parseValue(strings.Join(rep, "&")))
		switch {
		case number == nil && i == 0:
			return nil // which number is which must not change
		case number == nil:
		case i == 0:
			first = number
		default:
			n.Add("extension", fhir.NewObject().SetText("url", identifierURL).Set("valueIdentifier", number))
		}
	}
	return n.SetText("type", c.arg(0)).Set("identifier", first)
}

func (numbersConverter) from(c *call, n *fhir.Node) value {
	var reps []string
	for _, number := range append([]*fhir.Node{n.Get("identifier")}, extensionsBy(n, identifierURL, "valueIdentifier")...) {
		reps = append(reps, c.j.maps.converterFor("EI").from(c.below(c.location, nil), number).String())
	}
	if all := strings.Join(reps, "~"); all != "" {
		return value{{all}}
	}
	return nil
}

// extensionsBy returns the values of all extensions of an element with that url.
func extensionsBy(n *fhir.Node, url, member string) []*fhir.Node {
	var out []*fhir.Node
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() == url {
			out = append(out, ext.Get(member))
		}
	}
	return out
}

// pairConverter is the number of who asked and the number of who has it (EIP): two identifiers.
type pairConverter struct{}

func (pairConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	for i, kind := range []string{"PLAC", "FILL"} {
		if number := (linkConverter{}).to(c.below(c.location, []string{"", kind}), v.comp(i+1)); number != nil {
			n.Add("identifier", number.Get("identifier"))
		}
	}
	if n.Len() == 0 {
		return nil
	}
	return n
}

func (pairConverter) from(c *call, n *fhir.Node) value {
	var v value
	for i, kind := range []string{"PLAC", "FILL"} {
		for _, number := range n.Get("identifier").Items() {
			if has(number, "type", kind) {
				v = v.setComp(i+1, c.j.maps.converterFor("EI").from(c.below(c.location, nil), number))
				break
			}
		}
	}
	return v
}

func (pairConverter) part(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	for _, number := range n.Get("identifier").Items() {
		if len(marksOf(number.ID())) == 0 && (has(number, "type", "PLAC") || has(number, "type", "FILL")) {
			out.Add("identifier", number)
		}
	}
	return out
}

// pairedConverter is an EIP as one logical reference: the number of who asked, or of who
// has it where the other is not said, is its identifier, a second one our extension
// identifier. Its argument is the resource type.
type pairedConverter struct{}

func (pairedConverter) to(c *call, v value) *fhir.Node {
	numbers := pairConverter{}.to(c.below(c.location, nil), v).Get("identifier")
	if numbers.Len() == 0 {
		return nil
	}
	n := fhir.NewObject()
	if second := numbers.Item(1); second != nil {
		n.Add("extension", fhir.NewObject().SetText("url", identifierURL).Set("valueIdentifier", second))
	}
	return n.SetText("type", c.arg(0)).Set("identifier", numbers.Item(0))
}

func (pairedConverter) from(c *call, n *fhir.Node) value {
	all := fhir.NewObject()
	for _, number := range append([]*fhir.Node{n.Get("identifier")}, extensionsBy(n, identifierURL, "valueIdentifier")...) {
		all.Add("identifier", number)
	}
	return pairConverter{}.from(c.below(c.location, nil), all)
}

// ordersConverter is an EIP as two logical references in basedOn: the order by the number
// of who asked for it, and by that of who has it.
type ordersConverter struct{}

func (ordersConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	for _, number := range (pairConverter{}).to(c.below(c.location, nil), v).Get("identifier").Items() {
		n.Add("basedOn", fhir.NewObject().SetText("type", "ServiceRequest").Set("identifier", number))
	}
	if n.Len() == 0 {
		return nil
	}
	return n
}

func (k ordersConverter) from(c *call, n *fhir.Node) value {
	all := fhir.NewObject()
	for _, reference := range k.part(n).Get("basedOn").Items() {
		all.Add("identifier", reference.Get("identifier"))
	}
	return pairConverter{}.from(c.below(c.location, nil), all)
}

func (ordersConverter) part(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	for _, reference := range n.Get("basedOn").Items() {
		if number := reference.Get("identifier"); has(number, "type", "PLAC") || has(number, "type", "FILL") {
			out.Add("basedOn", reference)
		}
	}
	return out
}

// conceptURL is the extension that says by a code what a reference is about.
const conceptURL = Extensions + "concept"

// thingConverter is something that a code names (CWE): a device, a room, a laboratory, as
// a reference without a resource. Its argument is the resource type, "" where the code does not say.
type thingConverter struct{}

func (thingConverter) to(c *call, v value) *fhir.Node {
	concept := cweConverter{}.to(c.below(c.location, nil), v)
	if concept == nil {
		return nil
	}
	n := fhir.NewObject()
	n.Add("extension", fhir.NewObject().SetText("url", conceptURL).Set("valueCodeableConcept", concept))
	n.SetText("type", c.arg(0))
	return n.SetText("display", wordsOf(v))
}

func (thingConverter) from(c *call, n *fhir.Node) value {
	if concept := conceptOf(n); concept != nil {
		if v := (cweConverter{}).from(c.below(c.location, nil), concept); !retitled(n, wordsOf(v)) {
			return v
		}
	}
	return value(nil).set(2, n.Get("display").Text())
}

func conceptOf(reference *fhir.Node) *fhir.Node {
	for _, ext := range reference.Get("extension").Items() {
		if ext.Get("url").Text() == conceptURL {
			return ext.Get("valueCodeableConcept")
		}
	}
	return nil
}

// codedNumberConverter is a code (CWE) where a number is meant, and an Identifier: its
// value, and the whole code where that is more. Its argument says in words what it numbers.
type codedNumberConverter struct{}

func (codedNumberConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	if len(v) > 1 || len(v.comp(1)) > 1 {
		extend(n, conceptURL, "valueCodeableConcept", cweConverter{}.to(c.below(c.location, nil), v))
	}
	if v.text(1) == "" && n.Len() == 0 {
		return nil
	}
	if words := c.arg(0); words != "" {
		n.Set("type", fhir.NewObject().SetText("text", words))
	}
	return n.SetText("system", c.j.systemOf(v.text(3))).SetText("value", v.text(1))
}

func (codedNumberConverter) from(c *call, n *fhir.Node) value {
	if concept := conceptOf(n); concept != nil {
		if v := (cweConverter{}).from(c.below(c.location, nil), concept); v.text(1) == n.Get("value").Text() {
			return v
		}
	}
	return textValue(n.Get("value").Text())
}
