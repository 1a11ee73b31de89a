package translate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"caregate/fhir"
)

// wholeTime is a time of day (TM) to the minute or the second.
var wholeTime = regexp.MustCompile(`^([01]\d|2[0-3])([0-5]\d)([0-5]\d)?$`)

// timeConverter is a time of day without a zone (TM).
type timeConverter struct{}

func (timeConverter) to(c *call, v value) *fhir.Node {
	m := wholeTime.FindStringSubmatch(v.text(1))
	if m == nil {
		c.report(IssueBadValue, "not a time of day; left out and carried")
		return nil
	}
	if m[3] == "" {
		c.annotate(precisionURL, "valueCode", fhir.NewString("minute"))
	}
	return fhir.NewString(m[1] + ":" + m[2] + ":" + or(m[3], "00"))
}

func (timeConverter) from(c *call, n *fhir.Node) value {
	text := strings.ReplaceAll(n.Text(), ":", "")
	if extensionOf(c.beside, precisionURL, "valueCode").Text() == "minute" {
		text = strings.TrimSuffix(text, "00")
	}
	return textValue(text)
}

// quantityConverter is a number with a unit (CQ). With the argument "time" the unit is one
// of time, as FHIR's Duration wants it.
type quantityConverter struct{}

func (quantityConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	if !c.number(n, "value", v.comp(1)) {
		return nil
	}
	if c.arg(0) == "time" && c.j.unitOfTime(v.comp(2)) == "" {
		c.report(IssueNoCode, "not a unit of time; left out and carried")
		return nil
	}
	c.setUnit(n, v.comp(2))
	return n
}

func (quantityConverter) from(c *call, n *fhir.Node) value {
	return value(nil).setComp(1, c.take(n, "value", nmConverter{})).setComp(2, c.unitOf(n))
}

// unitURL is the unit as it came, where the unit of FHIR does not give it back.
const unitURL = Extensions + "unit"

// setUnit writes a unit (CWE): its words, its code where the system is known, or the code
// of a unit of time for the argument "time".
func (c *call) setUnit(n *fhir.Node, unit value) {
	c.nameUnit(n, unit)
	if c.unitOf(n).String() != unit.String() {
		extend(n, unitURL, "valueCodeableConcept", cweConverter{}.to(c.below(c.location, nil).silent(), unit))
	}
}

func (c *call) nameUnit(n *fhir.Node, unit value) {
	n.SetText("unit", or(unit.text(2), or(unit.text(1), unit.text(9))))
	if c.arg(0) == "time" {
		n.SetText("system", unitsOfMeasure).SetText("code", c.j.unitOfTime(unit))
		return
	}
	if system := c.j.systemOf(unit.text(3)); system != "" && codeForm.MatchString(unit.text(1)) {
		n.SetText("system", system).SetText("code", unit.text(1))
	}
}

// unitOf is the reverse of setUnit; a unit as it came that was edited since has no say.
func (c *call) unitOf(n *fhir.Node) value {
	if came := extensionOf(n, unitURL, "valueCodeableConcept"); came != nil {
		v, now := cweConverter{}.from(c.below(c.location, nil).silent(), came), fhir.NewObject()
		if c.nameUnit(now, v); same(now, partOf(n, "unit", "system", "code")) {
			return v
		}
	}
	unit := n.Get("unit").Text()
	if c.arg(0) == "time" && unit != "" && c.j.unitOfTime(textValue(unit)) == n.Get("code").Text() {
		return textValue(unit)
	}
	if name := c.j.nameOf(n.Get("system").Text()); name != "" && n.Get("code") != nil {
		return value(nil).set(1, n.Get("code").Text()).set(2, unit).set(3, name)
	}
	return textValue(unit)
}

// unitsConverter is a unit in a field of its own (CWE) and the unit of a Quantity whose value another field gave.
type unitsConverter struct{}

func (unitsConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	c.setUnit(n, v)
	if n.Len() == 0 {
		return nil
	}
	return n
}

func (unitsConverter) from(c *call, n *fhir.Node) value { return c.unitOf(n) }

func (unitsConverter) part(n *fhir.Node) *fhir.Node {
	return withExtensions(partOf(n, "unit", "system", "code"), n, unitURL)
}

// withExtensions adds the extensions of n with one of the urls to a part of it.
func withExtensions(part, n *fhir.Node, urls ...string) *fhir.Node {
	for _, ext := range n.Get("extension").Items() {
		if slices.Contains(urls, ext.Get("url").Text()) {
			part.Add("extension", ext)
		}
	}
	return part
}

// unitOfTime returns the UCUM code of a unit of time, "" for any other.
func (j *job) unitOfTime(unit value) string {
	return j.toFHIR("time.unit", strings.ToLower(unit.text(1)))
}

// minutesConverter is a duration (CQ) and a whole number of minutes.
type minutesConverter struct{}

func (minutesConverter) to(c *call, v value) *fhir.Node {
	m, ok := minutes(v.text(1), c.j.unitOfTime(v.comp(2)))
	if !ok {
		c.report(IssueBadValue, "not a whole number of minutes; left out and carried")
		return nil
	}
	if v.String() != m+"^min" {
		c.annotate(quantityURL, "valueQuantity", quantityConverter{}.to(c.below(c.location, nil), v))
	}
	return fhir.NewNumber(m)
}

// quantityURL is a duration as it came, beside what FHIR wants in minutes.
const quantityURL = Extensions + "quantity"

func (minutesConverter) from(c *call, n *fhir.Node) value {
	return c.duration(extensionOf(c.beside, quantityURL, "valueQuantity"), n)
}

// duration returns a duration as it came, if it still is that number of minutes.
func (c *call) duration(came, now *fhir.Node) value {
	if came != nil {
		v := quantityConverter{}.from(c.below(c.location, nil), came)
		if m, ok := minutes(v.text(1), c.j.unitOfTime(v.comp(2))); now == nil || (ok && m == now.Text()) {
			return v
		}
	}
	if now == nil {
		return nil
	}
	return textValue(now.Text()).set(2, "min")
}

// minutes converts only what stays whole.
func minutes(number, unit string) (string, bool) {
	seconds := map[string]int{"s": 1, "min": 60, "h": 3600, "d": 86400}[unit]
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 1e6 || seconds == 0 || n*seconds%60 != 0 {
		return "", false
	}
	return itoa(n * seconds / 60), true
}

// occurrenceConverter is the duration of one occurrence (CQ) and Timing.repeat.duration with its unit.
type occurrenceConverter struct{}

func (occurrenceConverter) to(c *call, v value) *fhir.Node {
	n, unit := fhir.NewObject(), c.j.unitOfTime(v.comp(2))
	if !c.number(n, "duration", v.comp(1)) || unit == "" {
		c.report(IssueNoCode, "not a duration; left out and carried")
		return nil
	}
	n.SetText("durationUnit", unit)
	c.noteUnit(n, "durationUnit", v.comp(2))
	return n
}

// noteUnit keeps a unit of time beside its code where that would not give it back.
func (c *call) noteUnit(n *fhir.Node, name string, unit value) {
	if unit.String() != n.Get(name).Text() {
		beside := fhir.NewObject()
		extend(beside, alternateURL, "valueCodeableConcept", cweConverter{}.to(c.below(c.location, nil).silent(), unit))
		n.Set("_"+name, beside)
	}
}

// notedUnit returns a unit of time, as it came unless it was edited since.
func (c *call) notedUnit(n *fhir.Node, name string) value {
	if concept := extensionOf(n.Get("_"+name), alternateURL, "valueCodeableConcept"); concept != nil {
		if v := (cweConverter{}).from(c.below(c.location, nil).silent(), concept); c.j.unitOfTime(v) == n.Get(name).Text() {
			return v
		}
	}
	return textValue(n.Get(name).Text())
}

func (occurrenceConverter) from(c *call, n *fhir.Node) value {
	return value(nil).setComp(1, c.take(n, "duration", nmConverter{})).setComp(2, c.notedUnit(n, "durationUnit"))
}

func (occurrenceConverter) part(n *fhir.Node) *fhir.Node {
	return partOf(n, "duration", "_duration", "durationUnit", "_durationUnit")
}
