package translate

import (
	"strings"

	"caregate/fhir"
)

// variesConverter is OBX-5 with its type OBX-2 and its unit OBX-6, and Observation.value[x].
// Its argument says which of the three fields it stands for.
type variesConverter struct{}

func (variesConverter) to(c *call, v value) *fhir.Node {
	if c.arg(0) != "value" {
		return nil
	}
	if len(c.f.seg.reps(5)) > 1 {
		c.report(IssueBadValue, "an Observation has one value; repetitions are carried")
		return nil
	}
	switch kind := c.f.seg.text(2, 1); kind {
	case "NM":
		return c.quantity(v.comp(1), "")
	case "SN":
		return c.structured(v)
	case "ST", "TX", "FT":
		c.choice = "String"
		if len(v) > 1 {
			c.report(IssueBadValue, "text with components; carried")
			return nil
		}
		return stConverter{}.to(c, v)
	case "CWE", "CE", "CNE":
		c.choice = "CodeableConcept"
		return cweConverter{}.to(c.below(c.location, nil), v)
	case "DT", "DTM", "TS":
		c.choice = "DateTime"
		return dtmConverter{}.to(c.below(c.location, []string{"dateTime"}), v)
	default:
		c.report(IssueBadValue, "value type has no table yet; carried")
		return nil
	}
}

// quantity makes a Quantity of a number and OBX-6; a unit system is named only for UCUM.
func (c *call) quantity(v value, comparator string) *fhir.Node {
	number := nmConverter{}.to(c, v)
	if number == nil {
		return nil
	}
	c.choice = "Quantity"
	n := fhir.NewObject().Set("value", number).SetText("comparator", comparator)
	unit := parseValue(c.f.seg.field(6))
	n.SetText("unit", or(unit.text(2), unit.text(1)))
	if system := c.j.systemOf(unit.text(3)); system == unitsOfMeasure {
		n.SetText("system", system).SetText("code", unit.text(1))
	}
	return n
}

const unitsOfMeasure = "http://unitsofmeasure.org"

// structured reads SN: a comparator and one number. Ranges and ratios are carried.
func (c *call) structured(v value) *fhir.Node {
	comparator := v.text(1)
	switch comparator {
	case "", "<", "<=", ">=", ">":
	case "=":
		comparator = "" // FHIR says it by saying nothing
	default:
		comparator = "?"
	}
	if comparator == "?" || v.text(3) != "" || v.text(4) != "" {
		c.report(IssueBadValue, "structured number that is not one number; carried")
		return nil
	}
	return c.quantity(v.comp(2), comparator)
}

func (variesConverter) from(c *call, n *fhir.Node) value {
	switch c.arg(0) {
	case "type":
		return textValue(c.valueType(n))
	case "unit":
		return c.unit(n)
	}
	switch c.choice {
	case "Quantity":
		if comparator := n.Get("comparator").Text(); comparator != "" {
			return textValue(comparator).set(2, n.Get("value").Text())
		}
		return textValue(n.Get("value").Text())
	case "CodeableConcept":
		return cweConverter{}.from(c.below(c.location, nil), n)
	case "DateTime":
		return dtmConverter{}.from(c.below(c.location, nil), n)
	case "String", "Integer":
		return textValue(n.Text())
	}
	c.report(IssueNotCarried, "Observation.value of this type has no table yet")
	return nil
}

func (c *call) valueType(n *fhir.Node) string {
	switch c.choice {
	case "Quantity":
		if n.Get("comparator") != nil {
			return "SN"
		}
		return "NM"
	case "Integer":
		return "NM"
	case "CodeableConcept":
		return "CWE"
	case "DateTime":
		return "DTM"
	case "String":
		return "ST"
	}
	return ""
}

func (c *call) unit(n *fhir.Node) value {
	if c.choice != "Quantity" {
		return nil
	}
	unit := n.Get("unit").Text()
	if n.Get("system").Text() == unitsOfMeasure {
		return value(nil).set(1, n.Get("code").Text()).set(2, unit).set(3, "UCUM")
	}
	return textValue(unit)
}

// linkedConverter says on the way back which role a provider has, by the element that
// refers to it. Arguments: the code table and the code.
type linkedConverter struct{}

func (linkedConverter) to(*call, value) *fhir.Node { return nil }

func (linkedConverter) from(c *call, n *fhir.Node) value {
	reference := n.Get("reference").Text()
	for _, b := range c.f.bound {
		if ref := b.node.Ref(); ref != "" && (reference == ref || strings.HasSuffix(reference, "/"+ref)) {
			for _, r := range c.j.maps.codes[c.arg(0)].rows {
				if r.code == c.arg(1) {
					return r.value(c.arg(0), true)
				}
			}
		}
	}
	return nil
}

// regimenConverter writes a MedicationRequest as the text of OBX 10160-0: what, then how.
type regimenConverter struct{}

func (regimenConverter) to(*call, value) *fhir.Node { return nil }

func (regimenConverter) from(_ *call, n *fhir.Node) value {
	concept := n.Get("medicationCodeableConcept")
	what := or(concept.Get("text").Text(), concept.At("coding[0].display").Text())
	parts := []string{what}
	for _, dose := range n.Get("dosageInstruction").Items() {
		parts = append(parts, dose.Get("text").Text())
	}
	if what == "" {
		return nil
	}
	return textValue(strings.Join(nonEmpty(parts), ", "))
}

// fits tells whether a type or unit that was carried still describes the value that is there.
func (j *job) fits(f *frame, r *row, root *fhir.Node, raw string) bool {
	places := j.ours(f, r, root)
	if len(places) == 0 {
		return true
	}
	p := places[0]
	c := &call{j: j, f: f, args: r.args, quiet: true, choice: strings.TrimPrefix(p.name, "value")}
	if r.arg0() == "type" {
		return kindOf(raw) == kindOf(c.valueType(p.bare()))
	}
	was := f.seg.reps(6)
	f.seg.put(6, []string{raw})
	n := c.quantity(textValue("0"), "")
	f.seg.put(6, was)
	for _, name := range []string{"unit", "system", "code"} {
		if n.Get(name).Text() != p.bare().Get(name).Text() {
			return false
		}
	}
	return true
}

// kindOf groups the value types that become the same FHIR type.
func kindOf(valueType string) string {
	switch valueType {
	case "ST", "TX", "FT":
		return "text"
	case "CWE", "CE", "CNE":
		return "coded"
	case "DT", "DTM", "TS":
		return "time"
	}
	return valueType
}
