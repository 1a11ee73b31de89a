package translate

import (
	"regexp"
	"strings"

	"caregate/fhir"
)

// stConverter is a text.
type stConverter struct{}

func (stConverter) to(_ *call, v value) *fhir.Node { return textNode(v.text(1)) }

func (stConverter) from(_ *call, n *fhir.Node) value { return textValue(n.Text()) }

func textNode(s string) *fhir.Node {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return fhir.NewString(s)
}

// linesConverter is a text whose repetitions are its lines; the engine hands over all of them as one value each.
type linesConverter struct{}

// repeatedURL says that the lines of a text were repetitions.
const repeatedURL = Extensions + "repeated"

func (linesConverter) to(c *call, v value) *fhir.Node {
	var lines []string
	for i := range v {
		lines = append(lines, unescape(strings.Join(v[i], "&")))
	}
	if text := strings.Join(lines, "\n"); strings.Count(text, "\n") == len(v)-1 && len(v) > 1 && lines[len(v)-1] != "" {
		c.annotate(repeatedURL, "valueBoolean", fhir.NewBool(true))
	}
	return textNode(strings.Join(lines, "\n"))
}

func (linesConverter) from(c *call, n *fhir.Node) value {
	if !c.j.wayBack || extensionOf(c.beside, repeatedURL, "valueBoolean").Text() != "true" {
		return textValue(n.Text())
	}
	lines := strings.Split(n.Text(), "\n")
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return value{{strings.Join(lines, "~")}}
}

// fhirID is the form of the datatype id.
var fhirID = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)

// idConverter is a text that FHIR only takes in the form of its datatype id.
type idConverter struct{}

func (idConverter) to(c *call, v value) *fhir.Node {
	s := v.text(1)
	if !fhirID.MatchString(s) {
		c.report(IssueBadValue, "not of the FHIR datatype id; left out and carried")
		return nil
	}
	return fhir.NewString(s)
}

func (idConverter) from(_ *call, n *fhir.Node) value { return textValue(n.Text()) }

// setIDConverter numbers the segments of one kind on the way back.
type setIDConverter struct{}

func (setIDConverter) to(*call, value) *fhir.Node { return nil }

func (setIDConverter) from(c *call, _ *fhir.Node) value { return textValue(itoa(c.f.ordinal)) }

// constantConverter stands for a fixed value on the way back, "code^display^system".
type constantConverter struct{}

func (constantConverter) to(*call, value) *fhir.Node { return nil }

func (constantConverter) from(c *call, _ *fhir.Node) value {
	return parseValue(strings.Join(c.args, ","))
}

// sameConverter stands for a field that repeats what another field of the message already
// said: to a partner always, in a message that is rebuilt only where it stood.
type sameConverter struct{}

func (sameConverter) to(*call, value) *fhir.Node { return nil }

func (sameConverter) from(c *call, n *fhir.Node) value {
	ref, ok := parseRef(c.arg(0))
	if !ok || (c.j.wayBack && !c.j.saysToo(n, c.j.carrierName(c.f, c.field))) {
		return nil
	}
	v := parseValue(c.j.nearest(c.f, ref.segment).field(ref.field))
	if ref.comp > 0 {
		return v.comp(ref.comp)
	}
	return v
}
