package translate

import (
	"regexp"
	"slices"
	"strings"

	"caregate/fhir"
)

// localName is the v2 coding system of codes that mean something to one partner only.
const localName = "L"

var hl7Table = regexp.MustCompile(`^HL7(\d{4})$`)

// systemOf returns the FHIR system of a v2 coding system name (table 0396), "" for an unknown one.
func (j *job) systemOf(name string) string {
	if uri := j.p.CodeSystems[name]; uri != "" {
		return uri
	}
	if number, ok := strings.CutPrefix(name, "HL7"); ok && hl7Table.MatchString(name) {
		return terminology + "v2-" + number
	}
	for _, s := range j.maps.systems {
		if s.v2 == name {
			return s.fhir
		}
	}
	return ""
}

// nameOf returns the v2 name of a FHIR code system, "" for one that has none.
func (j *job) nameOf(uri string) string {
	if uri == localName {
		return localName
	}
	best := ""
	for name, have := range j.p.CodeSystems {
		if have == uri && (best == "" || name < best) {
			best = name
		}
	}
	if best != "" {
		return best
	}
	if number, ok := strings.CutPrefix(uri, terminology+"v2-"); ok {
		return "HL7" + number
	}
	for _, s := range j.maps.systems {
		if s.fhir == uri {
			return s.v2
		}
	}
	return ""
}

// toFHIR returns the FHIR code of a v2 code, the partner's own table first.
func (j *job) toFHIR(table, code string) string {
	if mine := j.p.Codes[table][code]; mine != "" {
		return mine
	}
	if t := j.maps.codes[table]; t != nil {
		for _, r := range t.rows {
			if r.code == code && r.way != "<" {
				return r.fhir
			}
		}
	}
	return ""
}

// toV2 returns the row that says a FHIR code in v2; ok is false for none.
func (j *job) toV2(table, code string) (codeRow, bool) {
	if t := j.maps.codes[table]; t != nil {
		for _, r := range t.rows {
			if r.fhir == code && r.way != ">" {
				return r, true
			}
		}
	}
	best := ""
	for v2, mine := range j.p.Codes[table] {
		if mine == code && (best == "" || v2 < best) {
			best = v2
		}
	}
	return codeRow{code: best, fhir: code, way: "<>"}, best != ""
}

// codeIn returns the code of a CWE that belongs to the v2 table: its first or its
// alternate one. A code without a system belongs to the table of its field.
func codeIn(j *job, v value, table string) string {
	v2, _, _ := strings.Cut(table, ".")
	for _, at := range []int{1, 4} {
		code, system := v.text(at), v.text(at+2)
		if code == "" {
			continue
		}
		if (system == "" && at == 1) || isTable(system, v2) || j.p.Codes[table][code] != "" {
			return code
		}
	}
	return ""
}

// isTable tells whether a coding system name is that of the HL7 table: "HL70127", also
// written Hl7127.
func isTable(name, table string) bool {
	return len(name) > 3 && strings.EqualFold(name[:3], "HL7") && strings.TrimLeft(name[3:], "0") == strings.TrimLeft(table, "0")
}

// codeConverter is a v2 code and a FHIR code. Arguments: the code table, then "ID" for a
// field that holds the code alone, "quiet" where another row takes an unknown code, "kept"
// where it is no problem. What the FHIR code alone would not give back stands beside it.
type codeConverter struct{}

func (codeConverter) to(c *call, v value) *fhir.Node {
	code := c.j.toFHIR(c.arg(0), codeIn(c.j, v, c.arg(0)))
	if code == "" {
		if c.arg(1) == "quiet" || c.arg(2) == "quiet" {
			return nil
		}
		if c.arg(2) != "kept" {
			c.report(IssueNoCode, "code is not in table "+c.arg(0)+"; left out and carried")
		}
		c.alternate(v)
		return nil
	}
	n := fhir.NewString(code)
	if c.arg(1) == "number" {
		n = fhir.NewNumber(code)
	}
	if (codeConverter{}).from(c, n).String() != v.String() {
		c.alternate(v)
	}
	return n
}

// alternate keeps a code beside the FHIR code that is nearest to it.
func (c *call) alternate(v value) {
	if !c.keep {
		return
	}
	table, _, _ := strings.Cut(c.arg(0), ".")
	k, args := converter(cweConverter{}), []string(nil)
	if c.arg(1) == "ID" && len(v) <= 1 {
		k, args = tableConverter{}, []string{table}
	}
	c.annotate(alternateURL, "valueCodeableConcept", k.to(c.below(c.location, args), v))
}

// alternated returns the code that stands beside, unless the FHIR code was edited since.
func (c *call) alternated(n *fhir.Node) value {
	concept := extensionOf(c.beside, alternateURL, "valueCodeableConcept")
	if concept == nil {
		return nil
	}
	v := cweConverter{}.from(c.below(c.location, nil), concept)
	if c.arg(1) == "ID" && v.text(2) == "" {
		v = textValue(concept.At("coding[0].code").Text())
	}
	if c.j.toFHIR(c.arg(0), codeIn(c.j, v, c.arg(0))) != n.Text() {
		return nil
	}
	return v
}

func (codeConverter) from(c *call, n *fhir.Node) value {
	if v := c.alternated(n); len(v) > 0 {
		return v
	}
	r, ok := c.j.toV2(c.arg(0), n.Text())
	if !ok {
		return nil
	}
	return r.value(c.arg(0), c.arg(1) != "ID")
}

// value returns the code, as a CWE with its display and table where coded.
func (r codeRow) value(table string, coded bool) value {
	v := textValue(r.code)
	if !coded {
		return v
	}
	v2, _, _ := strings.Cut(table, ".")
	v = v.set(2, r.display)
	if r.display != "" {
		v = v.set(3, "HL7"+v2)
	}
	return v
}

// codingConverter is a Coding of one code table. Arguments: the table and the FHIR system of its codes.
type codingConverter struct{}

func (codingConverter) to(c *call, v value) *fhir.Node {
	code := c.j.toFHIR(c.arg(0), codeIn(c.j, v, c.arg(0)))
	if code == "" {
		if c.arg(2) != "quiet" {
			c.report(IssueNoCode, "code is not in table "+c.arg(0)+"; left out and carried")
		}
		return nil
	}
	return fhir.NewObject().SetText("system", systemName(c.arg(1))).SetText("code", code)
}

func (codingConverter) from(c *call, n *fhir.Node) value {
	r, ok := c.j.toV2(c.arg(0), n.Get("code").Text())
	if !ok || n.Get("system").Text() != systemName(c.arg(1)) {
		return nil
	}
	return r.value(c.arg(0), false)
}

// typeCodeConverter is an identifier type, table 0203. On the way back it falls back on
// the type that the profile registered for the identifier's system.
type typeCodeConverter struct{}

func (typeCodeConverter) to(_ *call, v value) *fhir.Node {
	if !codeForm.MatchString(v.text(1)) {
		return nil
	}
	coding := fhir.NewObject().SetText("system", terminology+"v2-0203").SetText("code", v.text(1))
	return fhir.NewObject().Set("coding", fhir.NewArray(coding))
}

func (typeCodeConverter) from(c *call, n *fhir.Node) value {
	for _, coding := range n.Get("coding").Items() {
		unsent := c.j.wayBack && extensionOf(coding, assumedURL, "valueBoolean") != nil
		if coding.Get("system").Text() == terminology+"v2-0203" && !unsent {
			return textValue(coding.Get("code").Text())
		}
	}
	if a, ok := c.j.authorityBySystem(n.Get("system").Text()); ok && !c.j.wayBack {
		return textValue(a.Type)
	}
	return nil
}

// msgConverter is MSH-9 and MessageHeader.eventCoding; the display keeps all three parts.
type msgConverter struct{}

func (msgConverter) to(_ *call, v value) *fhir.Node {
	n := fhir.NewObject()
	if codeForm.MatchString(v.text(2)) {
		n.SetText("system", terminology+"v2-0003").SetText("code", v.text(2))
	}
	return n.SetText("display", v.String())
}

func (msgConverter) from(_ *call, n *fhir.Node) value {
	if display := n.Get("display").Text(); strings.Contains(display, "^") || n.Get("code") == nil {
		return parseValue(safeRaw(display))
	}
	return value{{""}}.set(2, n.Get("code").Text())
}

// processingConverter is MSH-11 (PT) and the tags of MessageHeader.meta: its ID in table
// 0103, its mode in table 0207. That a message is a test tags every resource beside it.
type processingConverter struct{}

// processingTables are the code systems of PT-1 and PT-2.
var processingTables = []string{terminology + "v2-0103", terminology + "v2-0207"}

func (processingConverter) to(_ *call, v value) *fhir.Node {
	n := fhir.NewObject()
	for i, system := range processingTables {
		if code := v.text(i + 1); codeForm.MatchString(code) {
			n.Add("tag", fhir.NewObject().SetText("system", system).SetText("code", code))
		}
	}
	if n.Len() == 0 {
		return nil
	}
	return n
}

func (processingConverter) from(_ *call, n *fhir.Node) value {
	var v value
	for _, tag := range n.Get("tag").Items() {
		for i, system := range processingTables {
			if tag.Get("system").Text() == system {
				v = v.set(i+1, tag.Get("code").Text())
			}
		}
	}
	return v
}

func (processingConverter) part(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	for _, tag := range n.Get("tag").Items() {
		if slices.Contains(processingTables, tag.Get("system").Text()) {
			out.Add("tag", tag)
		}
	}
	return out
}

// testTag says that a resource is of a test message.
func testTag() *fhir.Node {
	return fhir.NewObject().SetText("system", terminology+"v3-ActReason").
		SetText("code", "HTEST").SetText("display", "test health data")
}

// beyondConverter is a field that another row does not say exactly: what has more to say
// than a code or a text also stands there whole. Its arguments are the map of this row,
// then that of the other row with its arguments.
type beyondConverter struct{}

func (beyondConverter) to(c *call, v value) *fhir.Node {
	said := c.j.maps.converterFor(c.arg(1))
	check := c.below(c.location, c.args[2:])
	check.quiet, check.keep = true, false
	if n := said.to(check, v); n != nil && said.from(check, n).String() == v.String() {
		return nil
	}
	return c.j.maps.converterFor(c.arg(0)).to(c.below(c.location, nil), v)
}

func (beyondConverter) from(c *call, n *fhir.Node) value {
	return c.j.maps.converterFor(c.arg(0)).from(c.below(c.location, nil), n)
}

// tokenConverter is a text that is of the FHIR datatype code.
type tokenConverter struct{}

func (tokenConverter) to(_ *call, v value) *fhir.Node {
	if !codeForm.MatchString(v.text(1)) {
		return nil
	}
	return fhir.NewString(v.text(1))
}

func (tokenConverter) from(_ *call, n *fhir.Node) value { return textValue(n.Text()) }

// languageConverter is a language as a tag of BCP 47, which the codes of ISO 639 are.
type languageConverter struct{}

var languageForm = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

func (languageConverter) to(c *call, v value) *fhir.Node {
	if !languageForm.MatchString(v.text(1)) {
		c.report(IssueBadValue, "not a language tag; kept as it came")
		return nil
	}
	return fhir.NewString(v.text(1))
}

func (languageConverter) from(_ *call, n *fhir.Node) value { return textValue(n.Text()) }

// taskStatusConverter is RF1-1 and Task.status. A status that RF1-1 cannot say exactly
// travels as the alternate coding, system 99FHIRTASK.
type taskStatusConverter struct{}

const taskStatusSystem = "99FHIRTASK"

func (taskStatusConverter) to(c *call, v value) *fhir.Node {
	if v.text(6) == taskStatusSystem {
		if _, known := c.j.toV2("0283.task", v.text(4)); known {
			return fhir.NewString(v.text(4))
		}
	}
	return codeConverter{}.to(c.below(c.location, []string{"0283.task"}), v)
}

func (taskStatusConverter) from(c *call, n *fhir.Node) value {
	r, ok := c.j.toV2("0283.task", n.Text())
	if !ok {
		return nil
	}
	if r.way == "<>" {
		return r.value("0283", true)
	}
	if n.Text() == "in-progress" && has(c.j.lookup(c.f, "Task"), "businessStatus", "5.2") {
		r.code, r.display = "", "" // cancellation was asked for, perhaps before anyone accepted (BSeR row 4)
	}
	if r.code == "" {
		c.report(IssueNotCarried, "table 0283 cannot say this Task.status; sent as alternate code only")
	}
	return r.value("0283", true).set(4, n.Text()).set(6, taskStatusSystem)
}
