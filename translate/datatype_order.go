package translate

import (
	"caregate/fhir"
)

// orderConverter is ORC-1 (order control, table 0119) and ORC-5 (order status, table 0038)
// together, and what they say of an order. Its argument is what the row is about: task,
// request, medication (the FHIR status), or event, status (the field on the way back).
type orderConverter struct{}

func (orderConverter) to(c *call, _ value) *fhir.Node {
	kind := c.arg(0)
	if kind == "event" || kind == "status" {
		return nil
	}
	if s := c.orderStatus(kind, c.f.seg.text(1, 1), c.f.seg.text(5, 1)); s != "" {
		return fhir.NewString(s)
	}
	c.report(IssueNoCode, "order control and status do not say what became of the order; left out and carried")
	return nil
}

// orderStatus reads both codes. The control codes that end an order come before its
// status; a status before the other control codes. Who cancels is said by the control
// code, else by who sent the message: table 0038 has one code for both.
func (c *call) orderStatus(kind, control, status string) string {
	if s := c.j.toFHIR("0119.end-"+kind, control); s != "" {
		return s
	}
	switch {
	case status == "CA" && kind == "task":
		return c.cancelledBy()
	case status != "":
		return c.j.toFHIR("0038."+kind, status)
	}
	return c.j.toFHIR("0119."+kind, control)
}

// cancelledBy is cancelled for the placer of an order, rejected for its filler.
func (c *call) cancelledBy() string {
	msh, orc := c.j.first("MSH"), c.f.seg
	if msh.text(9, 1) == "OSU" { // the filler's message by definition
		return "rejected"
	}
	for _, by := range []struct {
		field  int
		status string
	}{{2, "cancelled"}, {3, "rejected"}} {
		universal, namespace := orc.text(by.field, 3), orc.text(by.field, 2)
		for _, sender := range []int{3, 4} {
			same := universal != "" && universal == msh.text(sender, 2)
			if same || (universal == "" && namespace != "" && namespace == msh.text(sender, 1)) {
				return by.status
			}
		}
	}
	return ""
}

// from writes the codes that came, unless the status was changed since; then those that
// say the status now.
func (c *call) orderCodes() (control, status string) {
	task, request := c.j.lookup(c.f, "Task"), c.j.lookup(c.f, "ServiceRequest")
	medication := c.j.lookup(c.f, "MedicationRequest")
	control, status = c.cameAs(or2(request, medication), task)
	kind, now := "request", request.Get("status").Text()
	switch {
	case task.Get("status") != nil:
		kind, now = "task", task.Get("status").Text()
	case medication != nil:
		kind, now = "medication", medication.Get("status").Text()
	}
	quiet := c.below(c.location, nil)
	quiet.quiet = true
	if s := quiet.orderStatus(kind, control, status); (s == now && control+status != "") || (s == "" && now == "unknown") {
		return control, status
	}
	table := "0119.send-" + kind
	if c.j.first("MSH").text(9, 1) == "OSU" {
		table = "0119.tell-" + kind
	}
	r, known := c.j.toV2(table, now)
	if !known && now != "" && now != "unknown" {
		c.report(IssueNotCarried, "no order control code says this status")
	}
	s, _ := c.j.toV2("0038."+kind, now)
	return r.code, s.code
}

func or2(a, b *fhir.Node) *fhir.Node {
	if a != nil {
		return a
	}
	return b
}

// cameAs returns the codes as they were received.
func (c *call) cameAs(request, task *fhir.Node) (control, status string) {
	for _, ext := range request.Get("extension").Items() {
		switch ext.Get("url").Text() {
		case "http://hl7.org/fhir/StructureDefinition/businessEvent":
			for _, part := range ext.Get("extension").Items() {
				if part.Get("url").Text() == "value" {
					control = part.At("valueCodeableConcept.coding[0].code").Text()
				}
			}
		case Extensions + "order-status":
			status = ext.At("valueCodeableConcept.coding[0].code").Text()
		}
	}
	for _, coding := range task.At("businessStatus.coding").Items() {
		if coding.Get("system").Text() == terminology+"v2-0038" {
			status = coding.Get("code").Text()
		}
	}
	return control, status
}

func (orderConverter) from(c *call, _ *fhir.Node) value {
	control, status := c.orderCodes()
	switch c.arg(0) {
	case "event":
		return textValue(control)
	case "status":
		return textValue(status)
	}
	return nil
}

// tableConverter is a code alone (ID, IS) of an HL7 table and a CodeableConcept of it. Its
// argument is the number of the table.
type tableConverter struct{}

func (tableConverter) to(c *call, v value) *fhir.Node {
	if !codeForm.MatchString(v.text(1)) || len(v) > 1 {
		return nil
	}
	coding := fhir.NewObject().SetText("system", terminology+"v2-"+c.arg(0)).SetText("code", v.text(1))
	return fhir.NewObject().Set("coding", fhir.NewArray(coding))
}

func (tableConverter) from(c *call, n *fhir.Node) value {
	for _, coding := range n.Get("coding").Items() {
		if coding.Get("system").Text() == terminology+"v2-"+c.arg(0) {
			return textValue(coding.Get("code").Text())
		}
	}
	return nil
}

// uncodedConverter is a code of an HL7 table that no FHIR code stands for, as a concept.
// Arguments: the number of the table, and the code tables that have the others.
type uncodedConverter struct{}

func (uncodedConverter) to(c *call, v value) *fhir.Node {
	for _, table := range c.args[1:] {
		if c.j.toFHIR(table, v.text(1)) != "" {
			return nil
		}
	}
	return tableConverter{}.to(c, v)
}

func (uncodedConverter) from(c *call, n *fhir.Node) value { return tableConverter{}.from(c, n) }

// codedURL is the code of a text.
const codedURL = "http://hl7.org/fhir/StructureDefinition/iso21090-SC-coding"

// wordsConverter is a coded field of which FHIR takes the words: its text, or the display
// of its code. The code stands beside them.
type wordsConverter struct{}

func (wordsConverter) to(c *call, v value) *fhir.Node {
	concept := cweConverter{}.to(c.below(c.location, nil), v)
	switch codings := concept.Get("coding"); {
	case codings.Len() == 1 && concept.Get("text") == nil:
		c.annotate(codedURL, "valueCoding", codings.Item(0))
	case codings.Len() > 0:
		c.annotate(conceptURL, "valueCodeableConcept", concept)
	}
	return textNode(wordsOf(v))
}

func wordsOf(v value) string { return or(v.text(9), or(v.text(2), v.text(1))) }

func (wordsConverter) from(c *call, n *fhir.Node) value {
	concept := extensionOf(c.beside, conceptURL, "valueCodeableConcept")
	if coding := extensionOf(c.beside, codedURL, "valueCoding"); coding != nil {
		concept = fhir.NewObject().Set("coding", fhir.NewArray(coding))
	}
	if v := (cweConverter{}).from(c.below(c.location, nil), concept); concept != nil && wordsOf(v) == n.Text() {
		return v
	}
	return value(nil).set(2, n.Text())
}
