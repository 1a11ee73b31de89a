package translate

import (
	"regexp"
	"slices"
	"strings"

	"caregate/fhir"
)

// variesConverter is OBX-5 with its type OBX-2 and its unit OBX-6, and Observation.value[x].
// Its argument says which of the three fields it stands for.
type variesConverter struct{}

func (variesConverter) to(c *call, v value) *fhir.Node {
	switch c.arg(0) {
	case "declared":
		return c.declared(v.text(1))
	case "value":
		reps := c.f.seg.reps(5)
		if len(reps) < 2 {
			return c.observed(v)
		}
		if kindOf(c.f.seg.text(2, 1)) == "text" {
			c.choice = "String"
			return linesConverter{}.to(c, listOf(reps))
		}
	}
	return nil // repetitions are components
}

// declared is OBX-2 where the value that it became would say another type.
func (c *call) declared(kind string) *fhir.Node {
	if kind == "ED" || kind == "RP" || !codeForm.MatchString(kind) {
		return nil
	}
	value := *c
	value.quiet = true
	first, _, _ := strings.Cut(c.f.seg.field(5), "~")
	if n := value.observed(parseValue(first)); n != nil && value.valueType(n) == kind {
		return nil
	}
	return fhir.NewString(kind)
}

// componentConverter is one of several values of a result, OBX-5 repeated, and
// Observation.component with the code of the result.
type componentConverter struct{}

func (componentConverter) to(c *call, v value) *fhir.Node {
	if reps := c.f.seg.reps(5); len(reps) < 2 || kindOf(c.f.seg.text(2, 1)) == "text" {
		return nil
	}
	n := c.observed(v)
	if n == nil {
		return nil
	}
	code := cweConverter{}.to(c.below(c.location, nil).silent(), parseValue(c.f.seg.field(3)))
	return fhir.NewObject().Set("code", or2(code, unsaid())).Set("value"+c.choice, n)
}

func (componentConverter) from(c *call, n *fhir.Node) value {
	for _, p := range plainPlaces(nil, place{node: n}, "value[x]") {
		value := *c
		value.choice = strings.TrimPrefix(p.name, "value")
		return variesConverter{}.from(value.below(c.location, []string{"value"}), p.node)
	}
	return nil
}

// separatorURL is what stands between the numbers of a ratio where that is no colon.
const separatorURL = Extensions + "separator"

// comparedForm is a number with a comparator, which some send as NM.
var comparedForm = regexp.MustCompile(`^(<=|>=|<|>)\s*(\S+)$`)

// observed is the value of OBX-5, of the type that OBX-2 says.
func (c *call) observed(v value) *fhir.Node {
	switch kind := c.f.seg.text(2, 1); kind {
	case "NM":
		if m := comparedForm.FindStringSubmatch(v.text(1)); m != nil {
			return c.quantity(textValue(m[2]), m[1])
		}
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
	case "CWE", "CE", "CNE", "CF", "IS":
		c.choice = "CodeableConcept"
		return cweConverter{}.to(c.below(c.location, nil), v)
	case "DT", "DTM", "TS":
		c.choice = "DateTime"
		return c.beneath(dtmConverter{}, []string{"dateTime"}, v)
	case "TM":
		c.choice = "Time"
		return c.beneath(timeConverter{}, nil, v)
	case "DR":
		c.choice = "Period"
		return rangeOfTimeConverter{}.to(c.below(c.location, nil), v)
	case "NR":
		return c.between(v.comp(1), v.comp(2))
	case "VR":
		return c.spelled("-", v.text(1), v.text(2))
	case "ED", "RP":
		return nil // another row reads it
	default:
		c.report(IssueBadValue, "value type has no table yet; carried")
		return nil
	}
}

// listOf is the repetitions as linesConverter takes them.
func listOf(reps []string) value {
	var v value
	for _, rep := range reps {
		v = append(v, []string{rep})
	}
	return v
}

// between makes a Range of two numbers in the unit of OBX-6, one of which may be absent.
func (c *call) between(low, high value) *fhir.Node {
	n := fhir.NewObject()
	for _, end := range []struct {
		name  string
		value value
	}{{"low", low}, {"high", high}} {
		if len(end.value) > 0 {
			n.Set(end.name, c.quantity(end.value, ""))
		}
	}
	if n.Len() == 0 || (len(low) > 0 && n.Get("low") == nil) || (len(high) > 0 && n.Get("high") == nil) {
		return nil
	}
	c.choice = "Range"
	return n
}

// rangeOfTimeConverter is a time with an end (DR) and a Period; a start alone is none, but for the argument "any".
type rangeOfTimeConverter struct{}

func (rangeOfTimeConverter) to(c *call, v value) *fhir.Node {
	n := c.span(v, 1, 2)
	if n.Get("end") == nil && c.arg(0) != "any" {
		return nil
	}
	return n
}

func (rangeOfTimeConverter) from(c *call, n *fhir.Node) value {
	return c.unspan(nil, n, 1, 2)
}

// quantity makes a Quantity of a number and OBX-6; a unit system is named only for UCUM.
func (c *call) quantity(v value, comparator string) *fhir.Node {
	n := fhir.NewObject()
	if !c.number(n, "value", v) {
		return nil
	}
	c.choice = "Quantity"
	n.SetText("comparator", comparator)
	if unit := parseValue(c.f.seg.field(6)); len(unit) > 0 {
		c.below(c.location, nil).setUnit(n, unit)
	}
	return n
}

const unitsOfMeasure = "http://unitsofmeasure.org"

// structured reads SN: a comparator and one number, a range or a ratio; others are words.
func (c *call) structured(v value) *fhir.Node {
	comparator, separator := v.text(1), v.text(3)
	if comparator == "=" {
		n := c.structured(value(nil).setComp(2, v.comp(2)).setComp(3, v.comp(3)).setComp(4, v.comp(4)))
		if at := or2(n.Get("numerator"), n); n != nil && c.choice != "Range" {
			beside := fhir.NewObject() // FHIR says it by saying nothing
			extend(beside, alternateURL, "valueCodeableConcept", fhir.NewObject().SetText("text", "="))
			at.Set("_comparator", beside)
		}
		return n
	}
	known := slices.Contains([]string{"", "<", "<=", ">=", ">"}, comparator)
	switch {
	case known && separator == "" && v.text(4) == "":
		return c.quantity(v.comp(2), comparator)
	case comparator == "" && separator == "-" && v.text(2) != "" && v.text(4) != "":
		return c.between(v.comp(2), v.comp(4))
	case known && (separator == ":" || separator == "/") && v.text(2) != "" && v.text(4) != "":
		over, under := c.quantity(v.comp(2), comparator), c.quantity(v.comp(4), "")
		if over != nil && under != nil {
			c.choice = "Ratio"
			n := fhir.NewObject().Set("numerator", over).Set("denominator", under)
			if separator != ":" {
				extend(n, separatorURL, "valueString", fhir.NewString(separator))
			}
			return n
		}
	}
	return c.spelled(" ", v.text(1), v.text(2), separator, v.text(4), wordsOf(parseValue(c.f.seg.field(6))))
}

// spelled is a value that no element but a text can say, as the guide spells it.
func (c *call) spelled(between string, words ...string) *fhir.Node {
	c.choice = "String"
	return textNode(strings.Join(nonEmpty(words), between))
}

func (variesConverter) from(c *call, n *fhir.Node) value {
	switch c.arg(0) {
	case "declared":
		return textValue(n.Text())
	case "type":
		return textValue(c.valueType(n))
	case "unit":
		return c.unit(n)
	}
	switch c.choice {
	case "Quantity":
		number, comparator := c.take(n, "value", nmConverter{}), comparatorOf(n)
		switch kind := c.f.seg.text(2, 1); {
		case kind == "NM" && comparator != "":
			return textValue(comparator + number.text(1))
		case kind == "SN" || comparator != "":
			return value(nil).set(1, comparator).setComp(2, number)
		}
		return number
	case "Range":
		if c.f.seg.text(2, 1) == "NR" {
			return c.structuredText(n.Get("low"), "", n.Get("high")).numbers()
		}
		return c.structuredText(n.Get("low"), "-", n.Get("high"))
	case "Ratio":
		return c.structuredText(n.Get("numerator"), or(extensionOf(n, separatorURL, "valueString").Text(), ":"), n.Get("denominator"))
	case "Time":
		return timeConverter{}.from(c, n)
	case "Period":
		return rangeOfTimeConverter{}.from(c.below(c.location, nil), n)
	case "CodeableConcept":
		return cweConverter{}.from(c.below(c.location, nil), n)
	case "DateTime":
		return dtmConverter{}.from(c, n)
	case "String", "Integer":
		return linesConverter{}.from(c, n)
	}
	c.report(IssueNotCarried, "Observation.value of this type has no table yet")
	return nil
}

// structuredText writes two quantities as SN.
func (c *call) structuredText(first *fhir.Node, separator string, second *fhir.Node) value {
	v := value(nil).set(1, comparatorOf(first)).setComp(2, c.take(first, "value", nmConverter{}))
	return v.set(3, separator).setComp(4, c.take(second, "value", nmConverter{}))
}

// numbers returns the two numbers of a structured one (SN) as a range (NR).
func (v value) numbers() value { return value(nil).setComp(1, v.comp(2)).setComp(2, v.comp(4)) }

// comparatorOf returns the comparator of a quantity, also one that FHIR says by saying nothing.
func comparatorOf(n *fhir.Node) string {
	return or(n.Get("comparator").Text(), extensionOf(n.Get("_comparator"), alternateURL, "valueCodeableConcept").Get("text").Text())
}

func (c *call) valueType(n *fhir.Node) string {
	switch c.choice {
	case "Range", "Ratio":
		return "SN"
	case "Time":
		return "TM"
	case "Period":
		return "DR"
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

// measured returns the Quantity whose unit OBX-6 is, nil for a value without one.
func (c *call) measured(n *fhir.Node) *fhir.Node {
	switch c.choice {
	case "Quantity":
		return n
	case "Range":
		return or2(n.Get("low"), n.Get("high"))
	case "Ratio":
		return n.Get("numerator")
	}
	return nil
}

func (c *call) unit(n *fhir.Node) value {
	return c.below(c.location, nil).unitOf(c.measured(n))
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
	places := j.ours(nil, f, r, root)
	if len(places) == 0 || r.arg0() == "declared" {
		return true // the value has the last word
	}
	p := places[0]
	c := &call{j: j, f: f, args: r.args, quiet: true, choice: strings.TrimPrefix(p.name, "value")}
	spelled := c.choice == "String"
	switch {
	case spelled && r.arg0() == "type" && (raw == "SN" || raw == "VR"):
		return true
	case r.arg0() == "type":
		return kindOf(raw) == kindOf(c.valueType(p.bare()))
	case spelled && f.seg.text(2, 1) == "SN":
		return strings.HasSuffix(p.bare().Text(), wordsOf(parseValue(raw)))
	}
	is := c.measured(p.bare())
	was := f.seg.reps(6)
	f.seg.put(6, []string{raw})
	n := c.quantity(textValue("0"), "")
	f.seg.put(6, was)
	for _, name := range []string{"unit", "system", "code"} {
		if n.Get(name).Text() != is.Get(name).Text() {
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
	case "CWE", "CE", "CNE", "CF", "IS":
		return "coded"
	case "NM", "SN", "NR":
		return "number"
	case "DT", "DTM", "TS":
		return "time"
	}
	return valueType
}
