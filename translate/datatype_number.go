package translate

import (
	"regexp"
	"strings"

	"caregate/fhir"
)

// decimal is a number as JSON takes it.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// nmConverter is a number whose digits are kept as they were written.
type nmConverter struct{}

func (nmConverter) to(c *call, v value) *fhir.Node {
	sent := v.text(1)
	s := plainNumber(sent)
	if !decimal.MatchString(s) {
		c.report(IssueBadValue, "not a number; left out and carried")
		return nil
	}
	if s != sent {
		c.annotate(renderedURL, "valueString", textNode(sent))
	}
	return fhir.NewNumber(s)
}

// renderedURL is a value as it was written, where FHIR writes it otherwise.
const renderedURL = "http://hl7.org/fhir/StructureDefinition/rendered-value"

// plainNumber writes a number without what JSON does not take: a plus sign, leading zeros
// or none, a point at the end.
func plainNumber(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	s, minus := strings.CutPrefix(s, "-")
	for len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		s = s[1:]
	}
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	s = strings.TrimSuffix(s, ".")
	if minus {
		return "-" + s
	}
	return s
}

func (nmConverter) from(c *call, n *fhir.Node) value {
	if sent := extensionOf(c.beside, renderedURL, "valueString").Text(); sent != "" && plainNumber(sent) == n.Text() {
		return textValue(sent)
	}
	return textValue(n.Text())
}
