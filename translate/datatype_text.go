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

// repeatedURL says how long the repetitions were that a text is joined from, in bytes, "12 30":
// a text that was edited since is no longer divided there.
const repeatedURL = Extensions + "repeated"

func (linesConverter) to(c *call, v value) *fhir.Node {
	lines, sizes := make([]string, len(v)), make([]string, len(v))
	for i := range v {
		lines[i] = unescape(strings.Join(v[i], "&"))
		sizes[i] = itoa(len(lines[i]))
	}
	if len(v) > 1 {
		c.annotate(repeatedURL, "valueString", fhir.NewString(strings.Join(sizes, " ")))
	}
	return textNode(strings.Join(lines, "\n"))
}

func (linesConverter) from(c *call, n *fhir.Node) value {
	sizes := extensionOf(c.beside, repeatedURL, "valueString").Text()
	if lines := dividedBy(sizes, n.Text()); c.j.wayBack && lines != nil {
		return value{{strings.Join(lines, "~")}}
	}
	return textValue(n.Text())
}

// dividedBy returns the lines of a text that are so long, escaped; nil where the text is
// another one by now.
func dividedBy(sizes, text string) []string {
	var lines []string
	for size := range strings.FieldsSeq(sizes) {
		rest, divided := strings.CutPrefix(text, "\n")
		if lines != nil {
			text = rest
		}
		if !integerForm.MatchString(size) || size[0] == '-' || atoi(size) > len(text) || (lines != nil && !divided) {
			return nil
		}
		lines, text = append(lines, escape(text[:atoi(size)])), text[atoi(size):]
	}
	if text != "" {
		return nil
	}
	return lines
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
