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
		words = append(words, or(one.text(2), or(one.text(9), or(one.text(5), one.text(1)))))
	}
	if len(words) == 0 {
		return nil
	}
	n.Add("extension", fhir.NewObject().SetText("url", "text").SetText("valueString", strings.Join(words, ", ")))
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
	var reps []string
	for _, item := range n.Get("extension").Items() {
		v := k.plain(c, item.Get("valueCoding"))
		if concept := or2(conceptOf(item.Get("valueCoding")), item.Get("valueCodeableConcept")); concept != nil {
			full := cweConverter{}.from(c.below(c.location, nil), concept)
			if _, coding := k.coded(c, full); same(codeOf(coding), codeOf(item.Get("valueCoding"))) {
				v = full
			}
		}
		reps = append(reps, v.String())
	}
	if reps = slices.DeleteFunc(reps, func(rep string) bool { return rep == "" }); len(reps) > 0 {
		return value{{strings.Join(reps, "~")}}
	}
	for _, item := range n.Get("extension").Items() {
		if item.Get("url").Text() == "text" {
			return value(nil).set(2, item.Get("valueString").Text())
		}
	}
	return nil
}

func (raceConverter) part(n *fhir.Node) *fhir.Node { return partOf(n, "extension") }

// codeOf is a coding without its words, so that two can be compared.
func codeOf(coding *fhir.Node) *fhir.Node { return partOf(coding, "system", "code") }

// displays tells whether a code stands without words, or with those of its table.
func (j *job) displays(table, code, words string) bool {
	if words == "" {
		return true
	}
	t := j.maps.codes[table]
	return t != nil && slices.ContainsFunc(t.rows, func(r codeRow) bool { return r.code == code && strings.EqualFold(r.display, words) })
}
