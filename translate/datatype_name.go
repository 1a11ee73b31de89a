package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// xpnConverter is a person's name. XPN-4, XPN-6 and XPN-14 are all suffixes in FHIR: a
// qualifier tells them apart. On the way back of a name without qualifiers the marks of a
// generation go to XPN-4, the rest are degrees. The table XPN has the other components.
type xpnConverter struct{}

var generations = []string{"Jr", "Jr.", "JR", "Sr", "Sr.", "SR", "I", "II", "III", "IV", "V", "VI"}

const (
	// qualifierURL says what kind of suffix it is: AC academic, PR professional.
	qualifierURL = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier"
	// generationURL marks a suffix of the name that does not look like one.
	generationURL = Extensions + "generation"
)

// familyParts are the components of a family name (FN) after the first, as extensions of it.
var familyParts = []string{"humanname-own-prefix", "humanname-own-name", "humanname-partner-prefix", "humanname-partner-name"}

func (xpnConverter) to(c *call, v value) *fhir.Node {
	n := c.j.maps.composite("XPN").to(c, v)
	if n == nil {
		n = fhir.NewObject()
	}
	parts := fhir.NewObject()
	family(parts, v.comp(1))
	if second := v.text(3); strings.TrimSpace(second) != "" {
		addPart(parts, "given", v.text(2), unsaid())
		addPart(parts, "given", second, nil)
	} else {
		addPart(parts, "given", v.text(2), nil)
	}
	addPart(parts, "prefix", v.text(5), nil)
	suffixes(parts, v)
	if parts.Len() == 0 {
		return nil
	}
	for _, name := range []string{"given", "prefix", "suffix"} {
		evenParts(parts, name)
	}
	mergeDeep(n, parts)
	return validity(c.period(n, v, 12, 13))
}

// family sets the family name and its parts.
func family(n *fhir.Node, v value) {
	beside := fhir.NewObject()
	for i, part := range familyParts {
		extend(beside, extensionURL(part), "valueString", textNode(v.text(i+2)))
	}
	n.Set("family", textNode(v.text(1)))
	if beside.Len() > 0 {
		n.Set("_family", beside)
	}
}

// suffixes adds the three kinds of suffix.
func suffixes(n *fhir.Node, v value) {
	var mark *fhir.Node
	if !slices.Contains(generations, v.text(4)) {
		mark = fhir.NewObject()
		extend(mark, generationURL, "valueBoolean", fhir.NewBool(true))
	}
	addMarked(n, "suffix", v.text(4), mark)
	mark = nil
	if slices.Contains(generations, v.text(6)) {
		mark = qualifier("AC")
	}
	addMarked(n, "suffix", v.text(6), mark)
	addMarked(n, "suffix", v.text(14), qualifier("PR"))
}

// qualifier is what stands beside a suffix that does not say by itself what it is.
func qualifier(code string) *fhir.Node {
	mark := fhir.NewObject()
	extend(mark, qualifierURL, "valueCode", fhir.NewString(code))
	return mark
}

func addMarked(n *fhir.Node, name, text string, mark *fhir.Node) {
	if strings.TrimSpace(text) != "" {
		addPart(n, name, text, nil)
		markPart(n, name, mark)
	}
}

// addPart adds an item to a list of texts; instead stands beside it where there is no text.
func addPart(n *fhir.Node, name, text string, instead *fhir.Node) {
	switch node := textNode(text); {
	case node != nil:
		n.Add(name, node)
	case instead != nil:
		n.Add(name, nil)
		markPart(n, name, instead)
	}
}

// markPart puts extensions beside the last item of a list of texts.
func markPart(n *fhir.Node, name string, mark *fhir.Node) {
	if mark == nil {
		return
	}
	for n.Get("_"+name).Len() < n.Get(name).Len()-1 {
		n.Add("_"+name, nil)
	}
	n.Add("_"+name, mark)
}

// evenParts makes what stands beside a list of texts as long as the list.
func evenParts(n *fhir.Node, name string) {
	for beside := n.Get("_" + name); beside != nil && beside.Len() < n.Get(name).Len(); {
		beside.Append(nil)
	}
}

// period adds a period of the two components, where either is a date.
func (c *call) period(n *fhir.Node, v value, start, end int) *fhir.Node {
	if p := c.span(v, start, end); p != nil {
		n.Set("period", p)
	}
	return n
}

// span makes a Period of two components, nil where neither is a date.
func (c *call) span(v value, start, end int) *fhir.Node {
	p := fhir.NewObject()
	c.put(p, "start", dtmConverter{}, []string{"dateTime"}, v, start)
	c.put(p, "end", dtmConverter{}, []string{"dateTime"}, v, end)
	if p.Len() == 0 {
		return nil
	}
	return p
}

// validityURL holds a validity range, which is the period too where nothing else says one.
const validityURL = Extensions + "validity-range"

func validity(n *fhir.Node) *fhir.Node {
	if n.Get("period") == nil {
		n.Set("period", extensionOf(n, validityURL, "valuePeriod").Clone())
	}
	return n
}

// dates returns the value with the two components of a period that no validity range says.
func (c *call) dates(v value, n *fhir.Node, start, end int) value {
	p := n.Get("period")
	if p == nil || len(v) == 0 || same(p, extensionOf(n, validityURL, "valuePeriod")) {
		return v
	}
	return c.unspan(v, p, start, end)
}

// unspan is the reverse of span.
func (c *call) unspan(v value, p *fhir.Node, start, end int) value {
	v = v.setComp(start, c.take(p, "start", dtmConverter{}))
	return v.setComp(end, c.take(p, "end", dtmConverter{}))
}

func (xpnConverter) from(c *call, n *fhir.Node) value {
	v := unfamily(n)
	if given := n.Get("given"); given.Len() > 0 {
		v = v.set(2, given.Item(0).Text()).set(3, strings.Join(texts(given)[len(nonEmpty([]string{given.Item(0).Text()})):], " "))
	}
	v = v.set(5, strings.Join(texts(n.Get("prefix")), " "))
	for comp, suffix := range unsuffixed(n) {
		v = v.set(comp, strings.Join(suffix, " "))
	}
	if len(v) == 0 {
		// A name that is only text has no parts; the text goes where a receiver shows it.
		v = v.set(1, n.Get("text").Text())
	}
	if len(v) == 0 {
		return nil
	}
	return c.dates(v.fill(c.j.maps.composite("XPN").from(c, n)), n, 12, 13)
}

// unfamily is the reverse of family.
func unfamily(n *fhir.Node) value {
	fn := value(nil).set(1, n.Get("family").Text())
	for i, part := range familyParts {
		fn = fn.set(i+2, extensionOf(n.Get("_family"), extensionURL(part), "valueString").Text())
	}
	return value(nil).setComp(1, fn)
}

// unsuffixed returns the suffixes by component.
func unsuffixed(n *fhir.Node) map[int][]string {
	out := map[int][]string{}
	for i, item := range n.Get("suffix").Items() {
		beside, comp := n.Get("_suffix").Item(i), 6
		switch {
		case extensionOf(beside, qualifierURL, "valueCode").Text() == "PR":
			comp = 14
		case extensionOf(beside, qualifierURL, "valueCode").Text() == "AC":
		case slices.Contains(generations, item.Text()) || extensionOf(beside, generationURL, "valueBoolean").Text() == "true":
			comp = 4
		}
		if item.Text() != "" {
			out[comp] = append(out[comp], item.Text())
		}
	}
	return out
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
