package translate

import (
	"strings"

	"caregate/fhir"
)

// repeatConverter is a repeat pattern (RPT, or the interval of a TQ) and a Timing: its
// code in the sender's words, period, event and offset. A frequency is not derived from a code.
type repeatConverter struct{}

// repeatTexts are the components of a repeat pattern that FHIR has no element for.
var repeatTexts = []struct {
	comp int
	url  string
}{{2, Extensions + "calendar-alignment"}, {7, Extensions + "institution-specified"}, {11, Extensions + "general-timing"}}

const (
	phaseURL  = Extensions + "phase-range"
	eventURL  = Extensions + "event"
	offsetURL = Extensions + "offset"
)

func (repeatConverter) to(c *call, v value) *fhir.Node {
	n, repeat := fhir.NewObject(), fhir.NewObject()
	if code := v.comp(1); code != nil {
		n.Set("code", cweConverter{}.to(c.below(c.location+".1", []string{"notext"}), code))
	}
	for _, part := range repeatTexts {
		extend(n, part.url, "valueString", textNode(v.text(part.comp)))
	}
	extend(n, phaseURL, "valueRange", phase(v.text(3), v.text(4)))
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

// phase is the part of the interval in which it is done, two numbers.
func phase(low, high string) *fhir.Node {
	n := fhir.NewObject()
	for _, end := range []struct{ name, text string }{{"low", low}, {"high", high}} {
		if decimal.MatchString(end.text) {
			n.Set(end.name, fhir.NewObject().Set("value", fhir.NewNumber(end.text)))
		}
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
	c.noteUnit(repeat, "periodUnit", v.comp(6))
}

func (c *call) repeatEvent(repeat *fhir.Node, v value) {
	event := v.text(8)
	when := c.j.toFHIR("0528.when", event)
	if event != "" && when == "" {
		c.report(IssueNoCode, "event is not in table 0528.when; left out and carried")
	}
	if r, _ := c.j.toV2("0528.when", when); r.code != event {
		extend(repeat, eventURL, "valueString", textNode(event))
	}
	if when != "" {
		repeat.Add("when", fhir.NewString(when))
	}
	offset := value(nil).set(1, v.text(9)).setComp(2, v.comp(10))
	if len(offset) == 0 {
		return
	}
	m, ok := minutes(offset.text(1), c.j.unitOfTime(offset.comp(2)))
	if ok = ok && when != "" && !strings.HasPrefix(when, "C"); ok {
		repeat.Set("offset", fhir.NewNumber(m))
	}
	if !ok || offset.String() != m+"^min" {
		extend(repeat, offsetURL, "valueQuantity", quantityConverter{}.to(c.below(c.location, nil).silent(), offset))
	}
}

func (repeatConverter) from(c *call, n *fhir.Node) value {
	var v value
	if code := n.Get("code"); code != nil {
		v = v.setComp(1, cweConverter{}.from(c.below(c.location, []string{"notext"}), code))
	}
	for _, part := range repeatTexts {
		v = v.set(part.comp, extensionOf(n, part.url, "valueString").Text())
	}
	between := extensionOf(n, phaseURL, "valueRange")
	v = v.set(3, between.At("low.value").Text()).set(4, between.At("high.value").Text())
	repeat := n.Get("repeat")
	v = v.set(5, repeat.Get("period").Text()).setComp(6, c.notedUnit(repeat, "periodUnit"))
	event, when := extensionOf(repeat, eventURL, "valueString").Text(), repeat.At("when[0]").Text()
	if c.j.toFHIR("0528.when", event) != when {
		event = "" // edited since
	}
	if r, ok := c.j.toV2("0528.when", when); ok && event == "" {
		event = r.code
	}
	v = v.set(8, event)
	if event == "" {
		return v
	}
	offset := c.duration(extensionOf(repeat, offsetURL, "valueQuantity"), repeat.Get("offset"))
	return v.set(9, offset.text(1)).setComp(10, offset.comp(2))
}

func (repeatConverter) part(n *fhir.Node) *fhir.Node {
	out := withExtensions(fhir.NewObject(), n, repeatTexts[0].url, repeatTexts[1].url, repeatTexts[2].url, phaseURL)
	if code := withExtensions(partOf(n.Get("code"), "coding"), n.Get("code"), originalTextURL); code.Len() > 0 {
		out.Set("code", code) // its text is a field of its own
	}
	repeat := withExtensions(partOf(n.Get("repeat"), "period", "periodUnit", "_periodUnit", "when", "offset"), n.Get("repeat"), eventURL, offsetURL)
	if repeat.Len() > 0 {
		out.Set("repeat", repeat)
	}
	return out
}
