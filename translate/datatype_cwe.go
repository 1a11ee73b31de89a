package translate

import (
	"regexp"
	"slices"
	"strings"

	"caregate/fhir"
)

// codeForm is the FHIR datatype code: no space at its ends, none but single ones inside.
var codeForm = regexp.MustCompile(`^[^\s\pZ\x{0b}\x{85}]+( [^\s\pZ\x{0b}\x{85}]+)*$`)

// cweConverter is a CodeableConcept. Arguments: "notext" where another field holds the
// text, and a code table whose FHIR codes are added as a further coding.
type cweConverter struct{}

// roleSystems are the FHIR systems of the code tables that a CWE may be extended by.
var roleSystems = map[string]string{"0063.role": terminology + "v3-RoleCode", "0078.interpretation": terminology + "v3-ObservationInterpretation"}

// slot is where one of the three codings of a CWE stands: its code, version, and the OIDs
// of its system and value set.
type slot struct{ code, version, system, valueSet, setVersion int }

var slots = []slot{{1, 7, 14, 15, 16}, {4, 8, 17, 18, 19}, {10, 13, 20, 21, 22}}

const (
	// codeSystemURL is the name of a coding system that its system does not give back.
	codeSystemURL = Extensions + "coding-system"
	// systemOIDURL is the OID of a coding system beside its system.
	systemOIDURL = Extensions + "coding-system-oid"
	// valueSetURL is the value set that a code was taken from.
	valueSetURL = "http://hl7.org/fhir/StructureDefinition/valueset-reference"
	// originalTextURL is the text of a code whose concept has another field as its text.
	originalTextURL = "http://hl7.org/fhir/StructureDefinition/originalText"
	// setVersionURL is the version of that value set.
	setVersionURL = Extensions + "valueset-version"
)

func (cweConverter) to(c *call, v value) *fhir.Node {
	text := v.text(9)
	n := fhir.NewObject()
	words := v.text(1) == "" && (v.text(3) == "" || v.text(3) == localName) && text == "" && v.text(4)+v.text(5)+v.text(10)+v.text(11) == ""
	switch last := lastSlot(v); {
	case words && !slices.Contains(c.args, "notext"):
		text = v.text(2)
		extend(n, codeSystemURL, "valueString", textNode(v.text(3)))
	case last < 0 && text != "" && text == v.text(9) && !slices.Contains(c.args, "notext") && c.j.wayBack:
		n.Add("coding", unsaid()) // the text stood behind no code
	default:
		for i := 0; i <= last; i++ {
			c.addCoding(n, v, slots[i])
		}
	}
	c.addMapped(n, v)
	if slices.Contains(c.args, "notext") {
		extend(n, originalTextURL, "valueString", textNode(v.text(9)))
	} else {
		n.SetText("text", text)
	}
	if n.Len() == 0 {
		return nil
	}
	return n
}

// lastSlot returns the last slot that has a code or words, -1 for none.
func lastSlot(v value) int {
	for i, s := range slices.Backward(slots) {
		if v.text(s.code) != "" || v.text(s.code+1) != "" {
			return i
		}
	}
	return -1
}

// addCoding adds the coding of a slot; an empty one keeps the place of those after it.
func (c *call) addCoding(n *fhir.Node, v value, s slot) {
	code, display, name := v.text(s.code), v.text(s.code+1), v.text(s.code+2)
	if code+display == "" {
		n.Add("coding", unsaid())
		return
	}
	system := c.j.systemOf(name)
	if c.arg(0) == "default" && s.code == 1 && code != "" && name == "" {
		system = systemName(c.arg(1)) // a code without a system is of the table of its field
	}
	if oid := v.text(s.system); system == "" && oidForm.MatchString(oid) {
		system = "urn:oid:" + oid
	}
	if system == "" && name != "" && name != localName {
		c.below(c.location+"."+itoa(s.code+2), nil).report(IssueNoSystem, "coding system name is not registered; coding without system")
	}
	coding := fhir.NewObject().SetText("system", system).SetText("version", v.text(s.version))
	if plain := strings.Join(strings.Fields(code), " "); plain != code {
		beside := fhir.NewObject()
		extend(beside, renderedURL, "valueString", fhir.NewString(code))
		coding.Set("_code", beside)
		code = plain
	}
	coding.SetText("code", code).SetText("display", display)
	c.nameSystem(coding, v, s)
	n.Add("coding", coding)
}

// nameSystem adds what the system of a coding would not give back, and its value set.
func (c *call) nameSystem(coding *fhir.Node, v value, s slot) {
	if name := v.text(s.code + 2); name != c.systemName(coding, s.code) {
		extend(coding, codeSystemURL, "valueString", textNode(name))
	}
	if oid := v.text(s.system); oid != c.systemOID(coding) {
		extend(coding, systemOIDURL, "valueString", textNode(oid))
	}
	if set := v.text(s.valueSet); oidForm.MatchString(set) {
		extend(coding, valueSetURL, "valueUri", fhir.NewString("urn:oid:"+set))
	}
	extend(coding, setVersionURL, "valueString", textNode(v.text(s.setVersion)))
}

// systemName returns the v2 name of the system of a coding: as it came, else by the tables.
func (c *call) systemName(coding *fhir.Node, at int) string {
	if name := extensionOf(coding, codeSystemURL, "valueString"); name != nil {
		return name.Text()
	}
	system := coding.Get("system").Text()
	if c.j.wayBack && at == 1 && c.arg(0) == "default" && coding.Get("code") != nil && system == systemName(c.arg(1)) {
		return "" // the table of the field, which was not said
	}
	return c.j.nameOf(system)
}

// systemOID returns the OID of the system of a coding where v2 has no name for it.
func (c *call) systemOID(coding *fhir.Node) string {
	if oid := extensionOf(coding, systemOIDURL, "valueString"); oid != nil {
		return oid.Text()
	}
	oid, is := strings.CutPrefix(coding.Get("system").Text(), "urn:oid:")
	if is && c.j.nameOf(coding.Get("system").Text()) == "" && c.j.wayBack {
		return oid
	}
	return ""
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
	free := slots
	if !c.j.wayBack && c.j.p.Version < "2.7" {
		free = slots[:2]
	}
	placed := false
	for _, coding := range c.codings(n) {
		if len(free) == 0 {
			c.report(IssueNotCarried, "a coded field takes no further coding; one was left out")
			break
		}
		if c.putCoding(&v, coding, free[0]) {
			free, placed = free[1:], true
		}
	}
	text := n.Get("text").Text()
	switch {
	case slices.Contains(c.args, "notext"):
		v = v.set(9, extensionOf(n, originalTextURL, "valueString").Text())
	case text == "":
	case !placed:
		v = v.set(2, text).set(3, extensionOf(n, codeSystemURL, "valueString").Text())
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
func (c *call) putCoding(v *value, coding *fhir.Node, s slot) bool {
	system, code, display := coding.Get("system").Text(), coding.Get("code").Text(), coding.Get("display").Text()
	name, oid := c.systemName(coding, s.code), c.systemOID(coding)
	if system != "" && name+oid == "" && (!c.j.wayBack || c.arg(0) != "default") {
		c.report(IssueNotCarried, "code system has no v2 name in the profile; only the display is sent")
		code = ""
	}
	if sent := extensionOf(coding.Get("_code"), renderedURL, "valueString").Text(); strings.Join(strings.Fields(sent), " ") == code && sent != "" {
		code = sent
	}
	if code == "" && display == "" {
		return c.j.wayBack && same(coding, unsaid())
	}
	*v = v.set(s.code, code).set(s.code+1, display)
	if code != "" || name != "" {
		*v = v.set(s.code+2, name)
	}
	*v = v.set(s.version, coding.Get("version").Text()).set(s.system, oid)
	set := strings.TrimPrefix(extensionOf(coding, valueSetURL, "valueUri").Text(), "urn:oid:")
	*v = v.set(s.valueSet, set).set(s.setVersion, extensionOf(coding, setVersionURL, "valueString").Text())
	return true
}
