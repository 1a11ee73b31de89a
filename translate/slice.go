package translate

import (
	"slices"
	"strings"

	"caregate/fhir"
)

// sign gives a new item on the path the key that picks it: "status=active" a code,
// "type=v3-ParticipationType#ATND" a concept, "type*=…" a list of one.
func (s step) sign(item *fhir.Node) {
	if s.kind != picked || s.not || s.key == "id" || s.val == "-" {
		return // a mark is set by what reads the field
	}
	system, code, coded := strings.Cut(s.val, "#")
	if !coded {
		item.SetText(s.key, s.val)
		return
	}
	coding := fhir.NewObject().SetText("system", system).SetText("code", code)
	concept := fhir.NewObject().Set("coding", fhir.NewArray(coding))
	switch {
	case s.key == performerFunction:
		item.Add("extension", fhir.NewObject().SetText("url", functionURL).Set("valueCodeableConcept", concept))
	case s.several:
		item.Add(s.key, concept)
	default:
		item.Set(s.key, concept)
	}
}

// performerFunction is the key of a slice of references by what each did, which an
// extension of HL7 says.
const (
	performerFunction = "performerFunction"
	functionURL       = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
)

// functionOf returns what the one that a reference names did.
func functionOf(reference *fhir.Node) *fhir.Node {
	for _, ext := range reference.Get("extension").Items() {
		if ext.Get("url").Text() == functionURL {
			return ext.Get("valueCodeableConcept")
		}
	}
	return nil
}

// matches tells whether an item is one that a picked step wants.
func (s step) matches(item *fhir.Node) bool {
	if s.kind == extended {
		return item.Get("url").Text() == s.url
	}
	if s.kind != picked {
		return true
	}
	return has(item, s.key, s.val) != s.not
}

// has tells whether item has val as its member key, as a code of that CodeableConcept,
// or, for the key "system", as the system of one of its codings.
func has(item *fhir.Node, key, val string) bool {
	if key == "system" {
		for _, c := range item.Get("coding").Items() {
			if c.Get("system").Text() == val {
				return true
			}
		}
		return item.Get("system").Text() == val
	}
	if key == "id" {
		return slices.ContainsFunc(marksOf(item.ID()), func(mark string) bool { return fieldOf(mark) == val })
	}
	child := item.Get(key)
	if is, known := isReference(item, child, key, val); known {
		return is
	}
	if system, code, ok := strings.Cut(val, "#"); ok {
		return hasCoding(child, system, code)
	}
	for _, c := range child.Get("coding").Items() {
		if c.Get("code").Text() == val {
			return true
		}
	}
	return child.Text() == val
}

// hasCoding tells whether a concept, or one of a list of them, has a coding.
func hasCoding(n *fhir.Node, system, code string) bool {
	for _, concept := range n.Items() {
		if hasCoding(concept, system, code) {
			return true
		}
	}
	for _, c := range n.Get("coding").Items() {
		if c.Get("system").Text() == system && c.Get("code").Text() == code {
			return true
		}
	}
	return false
}
