package translate

import (
	"regexp"
	"strings"

	"caregate/fhir"
	"caregate/hl7v2"
)

// yesNoConverter is table 0136 and a boolean. Two arguments are other codes for yes and no.
type yesNoConverter struct{}

func (yesNoConverter) to(c *call, v value) *fhir.Node {
	switch v.text(1) {
	case or(c.arg(0), "Y"):
		return fhir.NewBool(true)
	case or(c.arg(1), "N"):
		return fhir.NewBool(false)
	}
	c.report(IssueNoCode, "neither yes nor no; left out and carried")
	return nil
}

func (yesNoConverter) from(c *call, n *fhir.Node) value {
	switch n.Text() {
	case "true":
		return textValue(or(c.arg(0), "Y"))
	case "false":
		return textValue(or(c.arg(1), "N"))
	}
	return nil
}

var integerForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})$`)

// integerConverter is a whole number.
type integerConverter struct{}

func (integerConverter) to(c *call, v value) *fhir.Node {
	if !integerForm.MatchString(v.text(1)) || (c.arg(0) == "positive" && (v.text(1) == "0" || v.text(1)[0] == '-')) {
		c.report(IssueBadValue, "not a whole number; left out and carried")
		return nil
	}
	return fhir.NewNumber(v.text(1))
}

func (integerConverter) from(_ *call, n *fhir.Node) value { return textValue(n.Text()) }

// positiveConverter is a whole number above zero.
type positiveConverter struct{ integerConverter }

func (k positiveConverter) to(c *call, v value) *fhir.Node {
	if n := v.text(1); strings.HasPrefix(n, "-") || n == "0" {
		c.report(IssueBadValue, "not a number above zero; left out and carried")
		return nil
	}
	return k.integerConverter.to(c, v)
}

// locationConverter is an error location (ERL) and its path, "PID-3[2].1". Its argument is
// how many components say where, if not all.
type locationConverter struct{}

func (locationConverter) to(c *call, v value) *fhir.Node {
	if n := c.arg(0); n != "" {
		v = v[:min(len(v), atoi(n))]
	}
	p := hl7v2.Path{Segment: v.text(1)}
	for i, part := range []*int{&p.Sequence, &p.Field, &p.Repetition, &p.Component, &p.Subcomponent} {
		if text := v.text(i + 2); integerForm.MatchString(text) && text[0] != '-' {
			*part = atoi(text)
		}
	}
	if _, err := hl7v2.ParsePath(p.String()); err != nil {
		return nil
	}
	return fhir.NewString(p.String())
}

func (locationConverter) from(_ *call, n *fhir.Node) value {
	p, err := hl7v2.ParsePath(n.Text())
	if err != nil {
		return nil
	}
	v := value(nil).set(1, p.Segment).set(2, itoa(max(p.Sequence, 1)))
	for i, part := range []int{p.Field, p.Repetition, p.Component, p.Subcomponent} {
		if i == 1 && part == 0 && p.Component > 0 {
			part = 1
		}
		if part > 0 {
			v = v.set(i+3, itoa(part))
		}
	}
	return v
}

// silentConverter stands for a field that FHIR does not say: carried, or kept out.
type silentConverter struct{}

func (silentConverter) to(*call, value) *fhir.Node { return nil }

func (silentConverter) from(*call, *fhir.Node) value { return nil }
