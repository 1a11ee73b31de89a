package translate

import (
	"strings"

	"caregate/fhir"
)

// xtnConverter is a telephone number or mail address. One component is the value: XTN-4
// of an Internet address, else XTN-12, 4, 5 to 8 together, 1. The others stand in
// extensions, so that they come back apart: the table XTN, and phoneTexts. Its argument is
// the use where XTN-2 says none.
type xtnConverter struct{}

// phoneTexts are the components that may be the value, and the extension that holds one that
// is not; beside the value it says that the value is this component.
var phoneTexts = []struct {
	comp int
	url  string
}{
	{1, renderedURL},
	{4, Extensions + "communication-address"},
	{12, Extensions + "unformatted"},
}

func (xtnConverter) to(c *call, v value) *fhir.Node {
	comp, number := phone(v)
	if strings.TrimSpace(number) == "" {
		return c.numberless(v)
	}
	n := fhir.NewObject().SetText("system", c.phoneSystem(v.text(3), number)).SetText("value", number)
	n.SetText("use", c.phoneUse(v.text(2), v.text(3), n.Get("system").Text()))
	if parts := c.j.maps.composite("XTN").to(c, v); parts != nil {
		mergeDeep(n, parts)
	}
	usual := plainPhone(n, v)
	if hasParts(v) && comp == 12 {
		usual = 7 // parts alone make another value
	}
	for _, t := range phoneTexts {
		if text := v.text(t.comp); strings.TrimSpace(text) != "" && t.comp != comp {
			extend(n, t.url, "valueString", fhir.NewString(text))
		}
		if t.comp == comp && usual != comp {
			n.Set("_value", fhir.NewObject())
			extend(n.Get("_value"), t.url, "valueString", fhir.NewString(number))
		}
	}
	if strayParts(v, comp, number) || (comp != 1 && comp != 4 && v.text(1) != "" && !alike(number, v.text(1))) {
		extend(n, otherURL, "valueBoolean", fhir.NewBool(true))
	}
	w := c.phoneCodes(n)
	c.noteCode(n, "use", "0201", v.text(2), w.text(2))
	c.noteCode(n, "system", "0202", v.text(3), w.text(3))
	return n
}

// numberless is a country, an area or an extension without a number.
func (c *call) numberless(v value) *fhir.Node {
	if !hasParts(v) {
		return nil
	}
	n := c.j.maps.composite("XTN").to(c, v)
	c.noteCode(n, "use", "0201", v.text(2), "")
	c.noteCode(n, "system", "0202", v.text(3), "")
	return n
}

// phone returns the value and its component, 7 where it is made of the parts.
func phone(v value) (comp int, number string) {
	order := []int{12, 4, 7, 1}
	if kind := v.text(3); kind == "Internet" || kind == "X.400" {
		order = []int{4, 12, 7, 1}
	}
	for _, comp := range order {
		if v.text(comp) != "" {
			if comp == 7 {
				return 7, composed(v)
			}
			return comp, v.text(comp)
		}
	}
	return 0, ""
}

// composed is a number of its parts as the guide writes it.
func composed(v value) string {
	country, extension := v.text(5), v.text(8)
	if country != "" {
		country = "+" + strings.TrimPrefix(country, "+")
	}
	if extension != "" {
		extension = "X" + extension
	}
	return strings.Join(nonEmpty([]string{country, v.text(6), v.text(7), extension}), " ")
}

// phoneSystem is ContactPoint.system of XTN-3.
func (c *call) phoneSystem(kind, number string) string {
	if strings.Contains(number, "@") {
		return "email"
	}
	return or(c.j.toFHIR("0202.system", kind), "phone")
}

// phoneUse is ContactPoint.use of XTN-2, of a cellular phone, or what the field is about.
func (c *call) phoneUse(use, kind, system string) string {
	said := c.j.toFHIR("0201.use", use)
	switch {
	case said != "":
		return said
	case use == "" && c.arg(0) != "" && system != "email":
		return c.arg(0)
	case kind == "CP":
		return "mobile"
	}
	return ""
}

// noteCode keeps a code that the FHIR code would not give back, or that there was none.
func (c *call) noteCode(n *fhir.Node, name, table, code, back string) {
	if code == back {
		return
	}
	beside := fhir.NewObject()
	if code == "" {
		extend(beside, assumedURL, "valueBoolean", fhir.NewBool(true))
	} else {
		extend(beside, alternateURL, "valueCodeableConcept", tableConverter{}.to(c.below(c.location, []string{table}), textValue(code)))
	}
	if beside.Len() > 0 {
		n.Set("_"+name, beside)
	}
}

// noted returns the code that was kept, "" and true where there was none.
func noted(n *fhir.Node, name string) (code string, none bool) {
	beside := n.Get("_" + name)
	return extensionOf(beside, alternateURL, "valueCodeableConcept").At("coding[0].code").Text(), extensionOf(beside, assumedURL, "valueBoolean") != nil
}

// phoneCodes returns XTN-2 and XTN-3, as they came unless they were edited since.
func (c *call) phoneCodes(n *fhir.Node) value {
	use, system, number := n.Get("use").Text(), n.Get("system").Text(), n.Get("value").Text()
	r, _ := c.j.toV2("0202.system", system)
	kind := r.code
	if use == "mobile" && system == "phone" {
		kind = "CP"
	}
	if was, none := noted(n, "system"); (was != "" || (none && c.j.wayBack)) && c.phoneSystem(was, number) == system {
		kind = was
	}
	r, _ = c.j.toV2("0201.use", use)
	said := r.code
	if was, none := noted(n, "use"); (was != "" || (none && c.j.wayBack)) && c.phoneUse(was, kind, system) == use {
		said = was
	}
	return value(nil).set(2, said).set(3, kind)
}

// plainPhone tells which component a value is that nothing is said of; parts are those of the number.
func plainPhone(n *fhir.Node, parts value) int {
	switch system := n.Get("system").Text(); {
	case system == "email" || system == "url":
		return 4
	case parts.text(7) != "" && composed(parts) == n.Get("value").Text():
		return 7
	}
	return 12
}

// strayParts tells whether the parts are not those of the number that is the value.
func strayParts(v value, comp int, number string) bool {
	return hasParts(v) && comp != 4 && comp != 7 && !alike(v.text(6)+v.text(7), number)
}

func hasParts(v value) bool { return v.text(5)+v.text(6)+v.text(7)+v.text(8) != "" }

func (xtnConverter) from(c *call, n *fhir.Node) value {
	number := n.Get("value").Text()
	if number == "" {
		use, _ := noted(n, "use")
		system, _ := noted(n, "system")
		return value(nil).set(2, use).set(3, system).fill(c.j.maps.composite("XTN").from(c, n))
	}
	v := c.phoneCodes(n).fill(c.j.maps.composite("XTN").from(c, n))
	comp, other := plainPhone(n, v), extensionOf(n, otherURL, "valueBoolean").Text() == "true"
	said := false
	for _, t := range phoneTexts {
		if extensionOf(n.Get("_value"), t.url, "valueString") != nil {
			comp, said = t.comp, true
		}
	}
	if (comp == 12 && !said) || (!other && strayParts(v, comp, number)) {
		v = v.clear(5, 6, 7, 8) // the number was edited since
	}
	for _, t := range phoneTexts {
		text := extensionOf(n, t.url, "valueString").Text()
		if t.comp != 1 || comp == 4 || other || alike(number, text) {
			v = v.set(t.comp, text)
		}
	}
	if comp != 7 {
		v = v.set(comp, number)
	}
	return v
}

// otherURL says that the parts of a number, or how it is shown, are those of another one:
// they stay where the number is edited.
const otherURL = Extensions + "other-number"

// alike tells whether the digits of a number stand in those of another.
func alike(number, other string) bool {
	a, b := digitsOf(number), digitsOf(other)
	return a != "" && b != "" && (strings.Contains(a, b) || strings.Contains(b, a))
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
