package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// nameURL is the extension that holds the parts of the name of somebody who is referred
// to by number or name alone.
const nameURL = Extensions + "name"

// personConverter is somebody outside the message, a number and a name (XCN), as a logical
// reference: no resource without a segment of its own. Its argument is the resource type.
type personConverter struct{}

// laidOut are the components of one datatype that stand in those of another, in order; 0 for none.
type laidOut []int

// nameOfPerson and numberOfPerson are the components of an XCN that stand in an XPN and in a CX.
var (
	nameOfPerson   = laidOut{2, 3, 4, 5, 6, 7, 10, 15, 16, 17, 18, 19, 20, 21}
	numberOfPerson = laidOut{1, 11, 12, 9, 13, 14, 0, 0, 22, 23, 24, 25}
)

// in returns the components of v, laid out.
func (l laidOut) in(v value) value {
	var out value
	for i, at := range l {
		out = out.setComp(i+1, v.comp(at))
	}
	return out
}

// back sets the components that were laid out in w.
func (l laidOut) back(v, w value) value {
	for i, at := range l {
		if at > 0 {
			v = v.setComp(at, w.comp(i+1))
		}
	}
	return v
}

func (personConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	name := xpnConverter{}.to(c, nameOfPerson.in(v))
	extend(n, nameURL, "valueHumanName", name)
	number := c.j.maps.composite("CX").to(c.below(c.location, nil), numberOfPerson.in(v))
	if name == nil && number == nil {
		return nil
	}
	if table := v.comp(8); len(table) > 1 {
		extend(n, sourceTableURL, "valueCodeableConcept", cweConverter{}.to(c.below(c.location+".8", nil), table))
	} else {
		extend(n, sourceTableURL, "valueString", textNode(v.text(8)))
	}
	n.SetText("type", c.arg(0))
	if number != nil {
		n.Set("identifier", number)
	}
	return n.SetText("display", display(name))
}

// sourceTableURL is the extension that holds the source table of a number.
const sourceTableURL = Extensions + "source-table"

// display is a name as one line.
func display(name *fhir.Node) string {
	var parts []string
	for _, member := range []string{"prefix", "given"} {
		parts = append(parts, texts(name.Get(member))...)
	}
	parts = append(parts, name.Get("family").Text())
	return strings.Join(nonEmpty(append(parts, texts(name.Get("suffix"))...)), " ")
}

func (personConverter) from(c *call, n *fhir.Node) value {
	if n.Get("type").Text() == "Organization" {
		return nil
	}
	v := numberOfPerson.back(nil, c.j.maps.composite("CX").from(c.below(c.location, nil), n.Get("identifier")))
	v = v.set(8, extensionOf(n, sourceTableURL, "valueString").Text())
	if table := extensionOf(n, sourceTableURL, "valueCodeableConcept"); table != nil {
		v = v.setComp(8, cweConverter{}.from(c.below(c.location, nil), table))
	}
	if name := extensionOf(n, nameURL, "valueHumanName"); name != nil && !retitled(n, display(name)) {
		return nameOfPerson.back(v, xpnConverter{}.from(c, name))
	}
	return v.set(2, n.Get("display").Text())
}

// retitled tells whether somebody gave the reference another display than its parts make.
func retitled(n *fhir.Node, made string) bool {
	now := n.Get("display").Text()
	return now != "" && !sameText(now, made)
}

// labelConverter is a v2 code and a security label. Its argument is a code table whose
// FHIR codes are written "v3-ActCode|DEMO"; a code that the table does not have keeps its
// own system. "only" takes and gives no other, "known" gives no other, "ID" writes the code
// alone, "words" is a text that may be such a code.
type labelConverter struct{}

func (labelConverter) to(c *call, v value) *fhir.Node {
	if c.arg(1) == "words" {
		n := labelConverter{}.to(c.below(c.location, []string{c.arg(0), "only"}), v)
		if words := textNode(v.text(1)); words != nil {
			return or2(n, fhir.NewObject()).Set("display", words)
		}
		return n
	}
	if system, code, ok := strings.Cut(c.j.toFHIR(c.arg(0), codeIn(c.j, v, c.arg(0))), "|"); ok {
		return fhir.NewObject().SetText("system", systemName(system)).SetText("code", code)
	}
	if c.arg(1) == "only" {
		return nil
	}
	c.report(IssueNoCode, "label is not in table "+c.arg(0)+"; kept as it came")
	code, words := strings.TrimSpace(v.text(1)), v.text(2)
	if !codeForm.MatchString(code) {
		code, words = "", or(words, code)
	}
	if code == "" && strings.TrimSpace(words) == "" {
		return nil
	}
	return fhir.NewObject().SetText("system", c.j.systemOf(v.text(3))).SetText("code", code).SetText("display", words)
}

func (labelConverter) from(c *call, n *fhir.Node) value {
	system, code := n.Get("system").Text(), n.Get("code").Text()
	if c.arg(1) == "words" {
		return textValue(n.Get("display").Text())
	}
	if r, ok := c.j.toV2(c.arg(0), strings.TrimPrefix(system, terminology)+"|"+code); ok {
		return r.value(c.arg(0), c.arg(1) != "only" && c.arg(1) != "ID")
	}
	if c.arg(1) == "only" || c.arg(1) == "known" {
		return nil
	}
	return value(nil).set(1, code).set(2, n.Get("display").Text()).set(3, c.j.nameOf(system))
}

// oneCodingConverter is a CWE of which FHIR takes one Coding. Its arguments are those of CWE.
type oneCodingConverter struct{}

func (oneCodingConverter) to(c *call, v value) *fhir.Node {
	if v.text(1) == "" && v.text(2) == "" {
		return nil
	}
	return cweConverter{}.to(c.below(c.location, append(slices.Clone(c.args), "notext")), v).At("coding[0]")
}

func (oneCodingConverter) from(c *call, n *fhir.Node) value {
	var v value
	c.putCoding(&v, n, slots[0])
	return v
}

// daysConverter is a number of days and a Duration.
type daysConverter struct{}

func (daysConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	if !c.number(n, "value", v) {
		return nil
	}
	return n.SetText("unit", "d").SetText("system", unitsOfMeasure).SetText("code", "d")
}

func (daysConverter) from(c *call, n *fhir.Node) value {
	if n.Get("system").Text() != unitsOfMeasure || n.Get("code").Text() != "d" {
		return nil
	}
	return c.take(n, "value", nmConverter{})
}

// namedConverter is somebody of whom only the name is known (XPN), as a logical reference.
// Its arguments are the field that says, repetition by repetition, what kind of person it
// is, and the code table of that.
type namedConverter struct{}

func (namedConverter) to(c *call, v value) *fhir.Node {
	name := xpnConverter{}.to(c, v)
	if name == nil {
		return nil
	}
	n := fhir.NewObject()
	n.Add("extension", fhir.NewObject().SetText("url", nameURL).Set("valueHumanName", name))
	if ref, ok := parseRef(c.arg(0)); ok && !c.quiet { // a check is about the name alone
		if reps := c.f.seg.reps(ref.field); c.rep < len(reps) {
			n.SetText("type", c.j.toFHIR(c.arg(1), parseValue(reps[c.rep]).text(1)))
		}
	}
	if child := c.j.lookup(c.f, "Patient"); child != nil && n.Get("type").Text() == "Patient" {
		n.SetText("reference", child.Ref())
	}
	return n.SetText("display", display(name))
}

func (namedConverter) part(n *fhir.Node) *fhir.Node {
	part := partOf(n, "display") // another field may say the type
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() == nameURL {
			part.Add("extension", ext)
		}
	}
	return part
}

func (namedConverter) from(c *call, n *fhir.Node) value {
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() == nameURL && !retitled(n, display(ext.Get("valueHumanName"))) {
			return xpnConverter{}.from(c, ext.Get("valueHumanName"))
		}
	}
	return textValue(n.Get("display").Text())
}
