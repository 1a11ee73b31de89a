package translate

import (
	"regexp"
	"slices"

	"caregate/fhir"
)

// codeForm is the FHIR datatype code: no space at its ends, none but single ones inside.
var codeForm = regexp.MustCompile(`^\S+( \S+)*$`)

// cweConverter is a CodeableConcept. Arguments: "notext" where another field holds the
// text, and a code table whose FHIR codes are added as a further coding.
type cweConverter struct{}

// roleSystems are the FHIR systems of the code tables that a CWE may be extended by.
var roleSystems = map[string]string{"0063.role": terminology + "v3-RoleCode", "0078.interpretation": terminology + "v3-ObservationInterpretation"}

func (cweConverter) to(c *call, v value) *fhir.Node {
	text := v.text(9)
	n := fhir.NewObject()
	bare := v.text(1) == "" && (v.text(3) == "" || v.text(3) == localName) && text == ""
	if bare && !slices.Contains(c.args, "notext") {
		text = v.text(2)
	} else {
		c.addCoding(n, v, 1, 7)
	}
	c.addCoding(n, v, 4, 8)
	c.addMapped(n, v)
	if !slices.Contains(c.args, "notext") {
		n.SetText("text", text)
	}
	if n.Len() == 0 {
		return nil
	}
	return n
}

// addCoding adds the triplet at component at, with its version.
func (c *call) addCoding(n *fhir.Node, v value, at, version int) {
	if v.text(at) == "" && v.text(at+1) == "" {
		return
	}
	system := c.j.systemOf(v.text(at + 2))
	if c.arg(0) == "default" && at == 1 && v.text(1) != "" && v.text(3) == "" {
		system = systemName(c.arg(1)) // a code without a system is of the table of its field
	}
	if name := v.text(at + 2); system == "" && name != "" && name != "L" {
		c.below(c.location+"."+itoa(at+2), nil).report(IssueNoSystem, "coding system name is not registered; coding without system")
	}
	coding := fhir.NewObject().SetText("system", system)
	if system != "" {
		coding.SetText("version", v.text(version))
	}
	code, display := v.text(at), v.text(at+1)
	if code != "" && !codeForm.MatchString(code) {
		c.below(c.location+"."+itoa(at), nil).report(IssueBadValue, "not of the FHIR datatype code; kept as words")
		code, display = "", or(display, code)
	}
	n.Add("coding", coding.SetText("code", code).SetText("display", display))
}

// addMapped adds the FHIR code that the table or the partner gives to either code.
func (c *call) addMapped(n *fhir.Node, v value) {
	table := c.tableArg()
	if table == "" {
		return
	}
	for _, at := range []int{1, 4} {
		ofTable := at == 1 && (v.text(3) == "" || v.text(3) == "HL7"+table[:4])
		if !ofTable && c.j.p.Codes[table][v.text(at)] == "" {
			continue // a like code of another system means something else
		}
		if code := c.j.toFHIR(table, v.text(at)); code != "" {
			n.Add("coding", fhir.NewObject().SetText("system", roleSystems[table]).SetText("code", code))
		}
	}
}

func (c *call) tableArg() string {
	for _, a := range c.args {
		if roleSystems[a] != "" {
			return a
		}
	}
	return ""
}

func (cweConverter) from(c *call, n *fhir.Node) value {
	var v value
	slots := []int{1, 4}
	for _, coding := range c.codings(n) {
		if len(slots) == 0 {
			c.report(IssueNotCarried, "a coded field takes two codings; a further one was left out")
			break
		}
		if c.putCoding(&v, coding, slots[0]) {
			slots = slots[1:]
		}
	}
	text := n.Get("text").Text()
	switch {
	case slices.Contains(c.args, "notext") || text == "":
	case len(v) == 0:
		v = v.set(2, text)
	default:
		v = v.set(9, text)
	}
	return v
}

// codings returns the codings to be written: one that only repeats another in the FHIR
// codes of the table is left out, and alone it is put back into v2 codes.
func (c *call) codings(n *fhir.Node) []*fhir.Node {
	table := c.tableArg()
	var own, mapped []*fhir.Node
	for _, coding := range n.Get("coding").Items() {
		if table != "" && coding.Get("system").Text() == roleSystems[table] {
			mapped = append(mapped, coding)
		} else {
			own = append(own, coding)
		}
	}
	if len(own) > 0 {
		return own
	}
	for _, coding := range mapped {
		if r, ok := c.j.toV2(table, coding.Get("code").Text()); ok {
			display := or(r.display, coding.Get("display").Text())
			own = append(own, fhir.NewObject().SetText("system", v2System(r, table)).SetText("code", r.code).SetText("display", display))
		}
	}
	if len(own) == 0 {
		return mapped
	}
	return own
}

func v2System(r codeRow, table string) string {
	if r.display == "" {
		return localName // a code of the partner's own
	}
	return terminology + "v2-" + table[:4]
}

// putCoding writes a coding at a slot. A system without a v2 name leaves its display only.
func (c *call) putCoding(v *value, coding *fhir.Node, at int) bool {
	system, code, display := coding.Get("system").Text(), coding.Get("code").Text(), coding.Get("display").Text()
	name := c.j.nameOf(system)
	if system != "" && name == "" {
		c.report(IssueNotCarried, "code system has no v2 name in the profile; only the display is sent")
		code = ""
	}
	if code == "" && display == "" {
		return false
	}
	*v = v.set(at, code).set(at+1, display)
	if code != "" || name != "" {
		*v = v.set(at+2, name)
	}
	if at == 1 {
		*v = v.set(7, coding.Get("version").Text())
	} else {
		*v = v.set(8, coding.Get("version").Text())
	}
	return true
}
