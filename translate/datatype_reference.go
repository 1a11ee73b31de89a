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

// personParts are the components of an XCN that stand in XPN-1 to XPN-7.
var personParts = []int{2, 3, 4, 5, 6, 7, 10}

// personName returns the name of an XCN, and its dates, as an XPN.
func personName(v value) value {
	var name value
	for i, at := range personParts {
		name = name.setComp(i+1, v.comp(at))
	}
	return name.setComp(12, v.comp(19)).setComp(13, v.comp(20))
}

func (personConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	name := xpnConverter{}.to(c, personName(v))
	if name != nil {
		n.Add("extension", fhir.NewObject().SetText("url", nameURL).Set("valueHumanName", name))
	}
	number := c.personNumber(v)
	if name == nil && number == nil {
		return nil
	}
	n.SetText("type", c.arg(0))
	if number != nil {
		n.Set("identifier", number)
	}
	return n.SetText("display", display(name))
}

// personNumber is XCN-1 with its authority XCN-9 and its type XCN-13, laid out as a CX.
func (c *call) personNumber(v value) *fhir.Node {
	if v.text(1) == "" {
		return nil
	}
	cx := value(nil).setComp(1, v.comp(1)).setComp(4, v.comp(9)).setComp(5, v.comp(13))
	return c.j.maps.converterFor("CX").to(c.below(c.location, nil), cx)
}

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
	var v value
	if n.Get("type").Text() == "Organization" {
		return nil
	}
	cx := c.j.maps.converterFor("CX").from(c.below(c.location, nil), n.Get("identifier"))
	v = v.setComp(1, cx.comp(1)).setComp(9, cx.comp(4)).setComp(13, cx.comp(5))
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() != nameURL {
			continue
		}
		if retitled(n, display(ext.Get("valueHumanName"))) {
			break
		}
		name := xpnConverter{}.from(c, ext.Get("valueHumanName"))
		for i, at := range personParts {
			v = v.setComp(at, name.comp(i+1))
		}
		return v.setComp(19, name.comp(12)).setComp(20, name.comp(13))
	}
	return v.set(2, n.Get("display").Text())
}

// retitled tells whether somebody gave the reference another display than its parts make.
func retitled(n *fhir.Node, made string) bool {
	now := n.Get("display").Text()
	return now != "" && now != made
}

// organisationConverter is an organisation (XON) as a logical reference. "typed" reads none
// that does not say that it is one.
type organisationConverter struct{}

func (organisationConverter) to(c *call, v value) *fhir.Node {
	n := c.j.maps.converterFor("XONR").to(c, v)
	if n == nil {
		return nil
	}
	return n.SetText("type", "Organization")
}

func (organisationConverter) from(c *call, n *fhir.Node) value {
	if kind := n.Get("type").Text(); kind != "Organization" && (kind != "" || c.arg(0) == "typed") {
		return nil
	}
	return c.j.maps.converterFor("XONR").from(c, n)
}

// placeURL is the extension that holds the parts of a location.
const placeURL = Extensions + "place"

// placeParts are the components of a PL and the names of their sub-extensions.
var placeParts = []struct {
	comp int
	name string
}{
	{9, "description"}, {1, "pointOfCare"}, {2, "room"}, {3, "bed"}, {8, "floor"}, {7, "building"}, {4, "facility"},
}

// placeConverter is a location of the sender (PL) as a logical reference: a room is no
// resource of its own, and nothing is anonymous.
type placeConverter struct{}

func (placeConverter) to(c *call, v value) *fhir.Node {
	ext := fhir.NewObject().SetText("url", placeURL)
	for _, part := range placeParts {
		if text := v.text(part.comp); strings.TrimSpace(text) != "" {
			ext.Add("extension", fhir.NewObject().SetText("url", part.name).SetText("valueString", text))
		}
	}
	if title(v) == "" {
		return nil
	}
	n := fhir.NewObject().Set("extension", fhir.NewArray(ext)).SetText("type", "Location")
	if v.text(10) != "" {
		number := value(nil).setComp(1, v.comp(10)).setComp(4, v.comp(11))
		n.Set("identifier", c.j.maps.converterFor("CX").to(c.below(c.location, nil), number))
	}
	return n.SetText("display", title(v))
}

// title is a location as one line.
func title(v value) string {
	var words []string
	for _, part := range placeParts {
		if text := v.text(part.comp); strings.TrimSpace(text) != "" {
			words = append(words, text)
		}
	}
	return strings.Join(words, ", ")
}

func (placeConverter) from(c *call, n *fhir.Node) value {
	var v value
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() != placeURL {
			continue
		}
		for _, part := range placeParts {
			for _, sub := range ext.Get("extension").Items() {
				if sub.Get("url").Text() == part.name {
					v = v.set(part.comp, sub.Get("valueString").Text())
				}
			}
		}
	}
	if len(v) == 0 || retitled(n, title(v)) {
		v = value(nil).set(9, n.Get("display").Text())
	}
	cx := c.j.maps.converterFor("CX").from(c.below(c.location, nil), n.Get("identifier"))
	return v.setComp(10, cx.comp(1)).setComp(11, cx.comp(4))
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
	n := fhir.NewObject().SetText("system", c.j.systemOf(v.text(3)))
	return n.SetText("code", strings.TrimSpace(v.text(1))).SetText("display", v.text(2))
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
	number := nmConverter{}.to(c, v)
	if number == nil {
		return nil
	}
	return fhir.NewObject().Set("value", number).SetText("unit", "d").SetText("system", unitsOfMeasure).SetText("code", "d")
}

func (daysConverter) from(_ *call, n *fhir.Node) value {
	if n.Get("system").Text() != unitsOfMeasure || n.Get("code").Text() != "d" {
		return nil
	}
	return textValue(n.Get("value").Text())
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
	if ref, ok := parseRef(c.arg(0)); ok {
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
	part := partOf(n, "type", "reference", "display")
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
