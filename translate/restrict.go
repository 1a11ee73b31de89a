package translate

import (
	"strings"

	"caregate/fhir"
)

// restrictionURL is where ARV stands, whole.
const restrictionURL = Extensions + "access-restriction"

// restrictionsStand keeps what protects a child, a visit or an order: a message that says nothing of it
// takes nothing away. A restriction goes with ARV-2 D, the protection of PD1-12 and PV2-22 with
// a value that is not Y.
func (m *maps) restrictionsStand(bundle *fhir.Node, known []*fhir.Node, said []*segment) {
	for _, r := range fhir.Entries(bundle) {
		for _, was := range known {
			if t := r.ResourceType(); r.Ref() == was.Ref() && (t == "Patient" || t == "Encounter" || t == "ServiceRequest") {
				m.keepRestrictions(r, was, t != "ServiceRequest" && unprotected(said))
			}
		}
	}
}

// unprotected tells whether a message takes the protection of a person or a visit back.
func unprotected(said []*segment) bool {
	for _, s := range said {
		if n := map[string]int{"PD1": 12, "PV2": 22}[s.name]; n > 0 && s.field(n) != "" && s.text(n, 1) != "Y" {
			return true
		}
	}
	return false
}

func (m *maps) keepRestrictions(r, was *fhir.Node, unprotected bool) {
	spoken, gone := map[string]bool{}, map[string]bool{} // by the code of the restriction; by label
	for _, ext := range r.Get("extension").Items() {
		if ext.Get("url").Text() != restrictionURL {
			continue
		}
		action, code := restrictionOf(ext)
		if spoken[code] = true; action == "D" {
			gone[m.labelOf(code)] = true
		}
	}
	for _, ext := range was.Get("extension").Items() {
		if _, code := restrictionOf(ext); ext.Get("url").Text() == restrictionURL && !spoken[code] {
			r.Add("extension", ext.Clone())
		}
	}
	for _, label := range was.At("meta.security").Items() {
		name := strings.TrimPrefix(label.Get("system").Text(), terminology) + "|" + label.Get("code").Text()
		if gone[name] || hasLabel(r, label) || unprotected && name == "v3-Confidentiality|R" {
			continue
		}
		if r.Get("meta") == nil {
			r.Set("meta", fhir.NewObject())
		}
		r.Get("meta").Add("security", label.Clone())
	}
}

// restrictionOf returns action and code of a restriction, ARV-2 and ARV-3.
func restrictionOf(ext *fhir.Node) (action, code string) {
	for _, part := range ext.Get("extension").Items() {
		first := part.At("valueCodeableConcept.coding[0].code").Text()
		switch part.Get("url").Text() {
		case Extensions + "action":
			action = first
		case Extensions + "restriction":
			code = first
		}
	}
	return action, code
}

// labelOf returns the label that a restriction makes, "v3-ActCode|PSY".
func (m *maps) labelOf(code string) string {
	for _, r := range m.codes["0717.label"].rows {
		if r.code == code {
			return r.fhir
		}
	}
	return "v2-0717|" + code
}

func hasLabel(r, label *fhir.Node) bool {
	for _, have := range r.At("meta.security").Items() {
		if have.Get("system").Text() == label.Get("system").Text() && have.Get("code").Text() == label.Get("code").Text() {
			return true
		}
	}
	return false
}
