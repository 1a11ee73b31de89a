package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// raceConverter is a race or an ethnicity (CWE, all repetitions) and the extension of US
// Core for it: a category or a more detailed code where the field has one, and a text.
// Its argument is the code table of the categories, written "system|code". What that does
// not say exactly stands in the extension concept, beside the code or alone.
type raceConverter struct{}

// raceCodes is the code system of race and ethnicity that US Core wants.
const raceCodes = "urn:oid:2.16.840.1.113883.6.238"

func (k raceConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	var words []string
	for i := range v {
		one := parseValue(strings.Join(v[i], "&"))
		concept := cweConverter{}.to(c.below(c.location, nil), one)
		if concept == nil {
			continue
		}
		name, coding := k.coded(c, one)
		item := fhir.NewObject().SetText("url", or(name, conceptURL))
		if coding == nil {
			item.Set("valueCodeableConcept", concept)
		} else {
			if k.plain(c, coding).String() != one.String() {
				coding.Set("extension", fhir.NewArray(fhir.NewObject().SetText("url", conceptURL).Set("valueCodeableConcept", concept)))
			}
			item.Set("valueCoding", coding)
		}
		n.Add("extension", item)
		words = append(words, shownOf(one))
	}
	if len(words) == 0 {
		return nil
	}
	if text := strings.Join(nonEmpty(words), ", "); text != "" {
		n.Add("extension", fhir.NewObject().SetText("url", "text").SetText("valueString", text))
	}
	return n
}

// coded returns the category or the detailed code of one repetition, and its name in the extension.
func (raceConverter) coded(c *call, v value) (name string, coding *fhir.Node) {
	for _, at := range []int{1, 4} {
		code, from := v.text(at), v.text(at+2)
		coding = fhir.NewObject().SetText("system", raceCodes)
		known := strings.HasPrefix(from, "HL7") || c.j.systemOf(from) == raceCodes || (from == "" && c.j.displays(c.arg(0), code, v.text(at+1)))
		if said := c.j.toFHIR(c.arg(0), code); said != "" && (known || c.j.p.Codes[c.arg(0)][code] != "") {
			return "ombCategory", coding.SetText("code", said).SetText("display", v.text(at+1))
		}
		if c.j.systemOf(from) == raceCodes && codeForm.MatchString(code) {
			return "detailed", coding.SetText("code", code).SetText("display", v.text(at+1))
		}
	}
	return "", nil
}

// plain is what a coding alone says.
func (raceConverter) plain(c *call, coding *fhir.Node) value {
	var v value
	c.putCoding(&v, coding, slots[0])
	return v
}

func (k raceConverter) from(c *call, n *fhir.Node) value {
	var reps, words []string
	text := ""
	for _, item := range n.Get("extension").Items() {
		if item.Get("url").Text() == "text" {
			text = item.Get("valueString").Text()
		}
		if v := k.back(c, item); len(v) > 0 {
			reps, words = append(reps, v.String()), append(words, shownOf(v))
		}
	}
	if !strings.EqualFold(text, strings.Join(nonEmpty(words), ", ")) { // it says something of its own
		reps = append(reps, value(nil).set(2, text).String())
	}
	if reps = nonEmpty(reps); len(reps) == 0 {
		return nil
	}
	return value{{strings.Join(reps, "~")}}
}

// back returns one repetition: as it was written, where the code is still the same, else what the code says.
func (k raceConverter) back(c *call, item *fhir.Node) value {
	have := item.Get("valueCoding")
	concept := or2(conceptOf(have), item.Get("valueCodeableConcept"))
	if concept == nil {
		return k.plain(c, have)
	}
	full := cweConverter{}.from(c.below(c.location, nil), concept)
	if _, coding := k.coded(c, full); !same(coding, partOf(have, "system", "code", "display")) && have != nil {
		return k.plain(c, have)
	}
	return full
}

// shownOf is what a reader is shown of a CWE.
func shownOf(v value) string {
	return or(v.text(2), or(v.text(9), or(v.text(5), or(v.text(1), v.text(4)))))
}

func (raceConverter) part(n *fhir.Node) *fhir.Node { return partOf(n, "extension") }

// displays tells whether a code stands without words, or with those of its table.
func (j *job) displays(table, code, words string) bool {
	if words == "" {
		return true
	}
	t := j.maps.codes[table]
	return t != nil && slices.ContainsFunc(t.rows, func(r codeRow) bool { return r.code == code && strings.EqualFold(r.display, words) })
}
