package translate

import (
	"regexp"
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
	return fhir.NewString(m[1] + ":" + m[2] + ":" + or(m[3], "00"))
}

func (timeConverter) from(_ *call, n *fhir.Node) value {
	return textValue(strings.ReplaceAll(n.Text(), ":", ""))
}

// quantityConverter is a number with a unit (CQ). With the argument "time" the unit is one
// of time, as FHIR's Duration wants it.
type quantityConverter struct{}

func (quantityConverter) to(c *call, v value) *fhir.Node {
	number := nmConverter{}.to(c, v.comp(1))
	if number == nil {
		return nil
	}
	n := fhir.NewObject().Set("value", number)
	if c.arg(0) == "time" {
		code := c.j.unitOfTime(v.comp(2))
		if code == "" {
			c.report(IssueNoCode, "not a unit of time; left out and carried")
			return nil
		}
		unit := v.comp(2)
		return n.SetText("unit", or(unit.text(2), unit.text(1))).SetText("system", unitsOfMeasure).SetText("code", code)
	}
	c.setUnit(n, v.comp(2))
	return n
}

func (quantityConverter) from(c *call, n *fhir.Node) value {
	v := textValue(n.Get("value").Text())
	if unit := n.Get("unit").Text(); c.arg(0) == "time" && c.j.unitOfTime(textValue(unit)) == n.Get("code").Text() && unit != "" {
		return v.set(2, unit)
	}
	return v.setComp(2, c.unitOf(n))
}

// setUnit writes a unit (CWE): its words, and its code where the system is known.
func (c *call) setUnit(n *fhir.Node, unit value) {
	n.SetText("unit", or(unit.text(2), unit.text(1)))
	if system := c.j.systemOf(unit.text(3)); system != "" && unit.text(1) != "" {
		n.SetText("system", system).SetText("code", unit.text(1))
	}
}

// unitOf is the reverse of setUnit.
func (c *call) unitOf(n *fhir.Node) value {
	unit := n.Get("unit").Text()
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

func (unitsConverter) part(n *fhir.Node) *fhir.Node { return partOf(n, "unit", "system", "code") }

// unitOfTime returns the UCUM code of a unit of time, "" for any other.
func (j *job) unitOfTime(unit value) string {
	return j.toFHIR("time.unit", strings.ToLower(unit.text(1)))
}

// minutesConverter is a duration (CQ) and a whole number of minutes.
type minutesConverter struct{}

func (minutesConverter) to(c *call, v value) *fhir.Node {
	if m, ok := minutes(v.text(1), c.j.unitOfTime(v.comp(2))); ok {
		return fhir.NewNumber(m)
	}
	c.report(IssueBadValue, "not a whole number of minutes; left out and carried")
	return nil
}

func (minutesConverter) from(_ *call, n *fhir.Node) value {
	return textValue(n.Text()).set(2, "min")
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
	number, unit := nmConverter{}.to(c, v.comp(1)), c.j.unitOfTime(v.comp(2))
	if number == nil || unit == "" {
		c.report(IssueNoCode, "not a duration; left out and carried")
		return nil
	}
	return fhir.NewObject().Set("duration", number).SetText("durationUnit", unit)
}

func (occurrenceConverter) from(_ *call, n *fhir.Node) value {
	return textValue(n.Get("duration").Text()).set(2, n.Get("durationUnit").Text())
}

func (occurrenceConverter) part(n *fhir.Node) *fhir.Node {
	return partOf(n, "duration", "durationUnit")
}

// repeatConverter is a repeat pattern (RPT, or the interval of a TQ) and a Timing: its
// code in the sender's words, period, event and offset. A frequency is not derived from a code.
type repeatConverter struct{}

func (repeatConverter) to(c *call, v value) *fhir.Node {
	n, repeat := fhir.NewObject(), fhir.NewObject()
	if code := v.comp(1); code != nil {
		n.Set("code", cweConverter{}.to(c.below(c.location+".1", []string{"notext"}), code))
	}
	c.repeatPeriod(repeat, v)
	c.repeatEvent(repeat, v)
	if repeat.Len() > 0 {
		n.Set("repeat", repeat)
	}
	if n.Len() == 0 {
		return nil
	}
	return n
}

func (c *call) repeatPeriod(repeat *fhir.Node, v value) {
	if v.text(5) == "" {
		return
	}
	unit := c.j.unitOfTime(v.comp(6))
	if !decimal.MatchString(v.text(5)) || unit == "" {
		c.report(IssueNoCode, "period without a unit of time; left out and carried")
		return
	}
	repeat.Set("period", fhir.NewNumber(v.text(5))).SetText("periodUnit", unit)
}

func (c *call) repeatEvent(repeat *fhir.Node, v value) {
	event := v.text(8)
	if event == "" {
		return
	}
	when := c.j.toFHIR("0528.when", event)
	if when == "" {
		c.report(IssueNoCode, "event is not in table 0528.when; left out and carried")
		return
	}
	repeat.Add("when", fhir.NewString(when))
	if offset, ok := minutes(v.text(9), c.j.unitOfTime(v.comp(10))); ok && !strings.HasPrefix(when, "C") {
		repeat.Set("offset", fhir.NewNumber(offset))
	}
}

func (repeatConverter) from(c *call, n *fhir.Node) value {
	var v value
	if code := n.Get("code"); code != nil {
		v = v.setComp(1, cweConverter{}.from(c.below(c.location, []string{"notext"}), code))
	}
	repeat := n.Get("repeat")
	v = v.set(5, repeat.Get("period").Text()).set(6, repeat.Get("periodUnit").Text())
	if r, ok := c.j.toV2("0528.when", repeat.At("when[0]").Text()); ok {
		v = v.set(8, r.code)
		if offset := repeat.Get("offset"); offset != nil {
			v = v.set(9, offset.Text()).set(10, "min")
		}
	}
	return v
}

func (repeatConverter) part(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	if code := n.Get("code"); code.Get("coding") != nil {
		out.Set("code", partOf(code, "coding")) // its text is a field of its own
	}
	if repeat := partOf(n.Get("repeat"), "period", "periodUnit", "when", "offset"); repeat.Len() > 0 {
		out.Set("repeat", repeat)
	}
	return out
}
