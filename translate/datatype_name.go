package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// xpnConverter is a person's name. XPN-4 and XPN-6 are both suffixes in FHIR: on the way
// back the marks of a generation go to XPN-4, the rest are degrees.
type xpnConverter struct{}

var generations = []string{"Jr", "Jr.", "JR", "Sr", "Sr.", "SR", "I", "II", "III", "IV", "V", "VI"}

func (xpnConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	if use := c.j.toFHIR("0200.use", v.text(7)); use != "" {
		n.SetText("use", use)
	}
	n.SetText("family", strings.TrimSpace(v.text(1)))
	for _, part := range []struct {
		comp int
		name string
	}{{2, "given"}, {3, "given"}, {5, "prefix"}, {4, "suffix"}, {6, "suffix"}} {
		if text := v.text(part.comp); strings.TrimSpace(text) != "" {
			n.Add(part.name, fhir.NewString(text))
		}
	}
	if n.Get("family") == nil && n.Get("given") == nil && n.Get("prefix") == nil && n.Get("suffix") == nil {
		return nil
	}
	return c.period(n, v, 12, 13)
}

// period adds a period of the two components, where either is a date.
func (c *call) period(n *fhir.Node, v value, start, end int) *fhir.Node {
	p := fhir.NewObject()
	p.Set("start", c.date(v, start))
	p.Set("end", c.date(v, end))
	if p.Len() > 0 {
		n.Set("period", p)
	}
	return n
}

// date is a component that is a date or time, nil for none.
func (c *call) date(v value, at int) *fhir.Node {
	if len(v.comp(at)) == 0 {
		return nil
	}
	return dtmConverter{}.to(c.below(c.location+"."+itoa(at), []string{"dateTime"}), v.comp(at))
}

// dates returns the value with the two components of a period.
func (c *call) dates(v value, n *fhir.Node, start, end int) value {
	p := n.Get("period")
	if p == nil || len(v) == 0 {
		return v
	}
	v = v.setComp(start, dtmConverter{}.from(c, p.Get("start")))
	return v.setComp(end, dtmConverter{}.from(c, p.Get("end")))
}

func (xpnConverter) from(c *call, n *fhir.Node) value {
	var v value
	given := texts(n.Get("given"))
	v = v.set(1, n.Get("family").Text())
	if len(given) > 0 {
		v = v.set(2, given[0]).set(3, strings.Join(given[1:], " "))
	}
	var generation, degree []string
	for _, s := range texts(n.Get("suffix")) {
		if slices.Contains(generations, s) {
			generation = append(generation, s)
		} else {
			degree = append(degree, s)
		}
	}
	v = v.set(4, strings.Join(generation, " ")).set(5, strings.Join(texts(n.Get("prefix")), " ")).set(6, strings.Join(degree, " "))
	if len(v) == 0 {
		// A name that is only text has no parts; the text goes where a receiver shows it.
		v = v.set(1, n.Get("text").Text())
	}
	if r, ok := c.j.toV2("0200.use", n.Get("use").Text()); ok && len(v) > 0 {
		v = v.set(7, r.code)
	}
	return c.dates(v, n, 12, 13)
}

func texts(list *fhir.Node) []string {
	var out []string
	for _, item := range list.Items() {
		if item.Text() != "" {
			out = append(out, item.Text())
		}
	}
	return out
}

// xtnConverter is a telephone number or mail address. The parts of a number travel in
// the standard extensions of ContactPoint, so that they come back apart. Its argument is
// the use where XTN-2 says none.
type xtnConverter struct{}

// numberParts are the components of a telephone number and their extensions.
var numberParts = []struct {
	comp int
	url  string
}{
	{5, "http://hl7.org/fhir/StructureDefinition/contactpoint-country"},
	{6, "http://hl7.org/fhir/StructureDefinition/contactpoint-area"},
	{7, "http://hl7.org/fhir/StructureDefinition/contactpoint-local"},
	{8, "http://hl7.org/fhir/StructureDefinition/contactpoint-extension"},
}

func (xtnConverter) to(c *call, v value) *fhir.Node {
	n := fhir.NewObject()
	system, number := c.contact(n, v)
	if number == "" {
		return nil
	}
	n.SetText("system", system).SetText("value", number)
	use := c.j.toFHIR("0201.use", v.text(2))
	if v.text(3) == "CP" && use == "" {
		use = "mobile"
	}
	if use == "" && v.text(2) == "" && system != "email" {
		use = c.arg(0)
	}
	return c.period(n.SetText("use", use), v, 13, 14)
}

// contact returns the system and value of a contact point and sets the parts of a number.
func (c *call) contact(n *fhir.Node, v value) (system, number string) {
	system = c.j.toFHIR("0202.system", v.text(3))
	for _, at := range []int{4, 1} {
		if mail := v.text(at); strings.Contains(mail, "@") {
			return "email", mail
		}
	}
	if system == "email" {
		return system, or(v.text(4), v.text(1))
	}
	if v.text(7) == "" {
		return or(system, "phone"), or(v.text(12), v.text(1))
	}
	for _, part := range numberParts {
		if text := v.text(part.comp); text != "" {
			n.Add("extension", fhir.NewObject().SetText("url", part.url).SetText("valueString", text))
		}
	}
	country := v.text(5)
	if country != "" {
		country = "+" + strings.TrimPrefix(country, "+")
	}
	number = strings.Join(nonEmpty([]string{country, v.text(6), v.text(7)}), " ")
	if ext := v.text(8); ext != "" {
		number += " ext. " + ext
	}
	return or(system, "phone"), number
}

func (k xtnConverter) from(c *call, n *fhir.Node) value {
	var v value
	system, number := n.Get("system").Text(), n.Get("value").Text()
	use := n.Get("use").Text()
	if r, ok := c.j.toV2("0201.use", use); ok {
		v = v.set(2, r.code)
	}
	if number == "" {
		return nil
	}
	if r, ok := c.j.toV2("0202.system", system); ok {
		v = v.set(3, r.code)
	}
	v = c.dates(v, n, 13, 14)
	if system == "email" || system == "url" {
		return v.set(4, number)
	}
	if use == "mobile" && system == "phone" {
		v = v.set(3, "CP")
	}
	if parts := k.parts(c, n, number); len(parts) > 0 {
		for i, part := range numberParts {
			v = v.set(part.comp, parts[i])
		}
		return v
	}
	return v.set(12, number)
}

// parts returns the parts of a number as its extensions say, unless the value was edited since.
func (k xtnConverter) parts(c *call, n *fhir.Node, number string) []string {
	var v value
	parts := make([]string, len(numberParts))
	for i, part := range numberParts {
		for _, ext := range n.Get("extension").Items() {
			if ext.Get("url").Text() == part.url {
				parts[i] = ext.Get("valueString").Text()
				v = v.set(part.comp, parts[i])
			}
		}
	}
	if _, again := c.contact(fhir.NewObject(), v); again != number {
		return nil
	}
	return parts
}
