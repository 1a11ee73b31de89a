package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"caregate/fhir"
	"caregate/identity"
	"caregate/ledger"
)

// person is whose message it is.
type person struct {
	child string // "" while unknown
	isNew bool
	links []ledger.Link
}

// childFacts are what the identity source says of a child, as a decision input.
type childFacts struct {
	BirthDate string   `json:"birthDate"`
	Flags     []string `json:"flags,omitempty"`
}

// identify finds the child of a message, or holds the message. word, where given, is a
// person's decision and overrides the search.
func (g *Gateway) identify(ctx context.Context, m *inspection, word string) error {
	if m.code != "accepted" {
		return nil
	}
	if word != "" {
		m.who.child = word
		return nil
	}
	if err := g.byDocument(ctx, m); err != nil || m.held != nil {
		return err
	}
	return g.formsStay(ctx, m)
}

// byDocument finds the child by what the message itself says.
func (g *Gateway) byDocument(ctx context.Context, m *inspection) error {
	patients, refs := subjects(m.decoded.Bundle)
	patients, m.replaced = survivors(patients)
	switch {
	case len(patients) > 1:
		m.hold("identity", "the message speaks of several children: ask the sender for one message per child")
	case len(patients) == 1:
		if err := g.byIdentifier(ctx, m, patients[0]); err != nil || m.held != nil {
			return err
		}
		if err := g.sameChild(ctx, m, refs); err != nil || m.held != nil {
			return err
		}
		return g.authorityOver(ctx, m, patients[0].Ref())
	case len(refs) > 0:
		if err := g.byReference(ctx, m, refs); err != nil || m.held != nil {
			return err
		}
		return g.authorityOver(ctx, m, "")
	default:
		m.hold("identity", "the message names no child by a Patient or a reference to one that is known here: resolve with the child, or ask the sender to name it")
	}
	return nil
}

// byIdentifier knows a child by an exact identifier of a registered assigner, with family name and birth date agreeing.
func (g *Gateway) byIdentifier(ctx context.Context, m *inspection, patient *fhir.Node) error {
	terms, agree := identity.Terms(patient, g.Assigners), identity.Agreement(patient)
	for _, old := range m.replaced {
		terms = append(terms, identity.Terms(old, g.Assigners)...)
	}
	if len(terms) == 0 || agree == nil {
		m.hold("identity", "the child has no identifier of a registered assigner with family name and birth date: register the assigner or resolve with the child")
		return nil
	}
	found, err := g.Ledger.FindChild(ctx, terms)
	if err != nil {
		return err
	}
	for _, f := range found {
		switch {
		case m.who.child != "" && f.Child != m.who.child:
			m.who = person{}
			m.hold("identity", "the identifiers belong to different children: find out which is right, then resolve with the child")
			return nil
		case !f.Agree(agree):
			m.who = person{}
			m.hold("identity", "the identifier is known but family name or birth date do not agree: find out which is right, then resolve with the child")
			return nil
		}
		m.who.child = f.Child
	}
	if m.who.child == "" {
		if !m.partner.Asserts[AssertIdentity] {
			m.hold("identity", "nobody who may introduce children has named this one yet: when the state has, resolve this item")
			return nil
		}
		m.who.child, m.who.isNew = ledger.NewChildID(), true
	}
	m.remember(patient, terms, agree)
	return nil
}

// sameChild holds a message that names one child and refers to another.
func (g *Gateway) sameChild(ctx context.Context, m *inspection, refs []string) error {
	for _, ref := range refs {
		child, err := g.childOf(ctx, m.partner.ID, ref)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		if err == nil && child != m.who.child {
			m.hold("identity", "the message names one child and refers to another: find out which is right, then resolve with the child")
			return nil
		}
	}
	return nil
}

// byReference knows a child by a literal reference to a Patient that this gateway has identified before.
func (g *Gateway) byReference(ctx context.Context, m *inspection, refs []string) error {
	for _, ref := range refs {
		child, err := g.childOf(ctx, m.partner.ID, ref)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			m.hold("identity", "the message refers to a Patient that is not known here: have the Patient sent, then resolve this item")
			return nil
		case err != nil:
			return err
		case m.who.child != "" && child != m.who.child:
			m.who = person{}
			m.hold("identity", "the message refers to several children: ask the sender for one message per child")
			return nil
		}
		m.who.child = child
	}
	return nil
}

// authorityOver holds a message that states authority, an order or a flag about another person
// than the child it was identified for, or about one that it names in a way that leads nowhere.
func (g *Gateway) authorityOver(ctx context.Context, m *inspection, patient string) error {
	for _, r := range fhir.Entries(m.decoded.Bundle) {
		ref := r.At("patient.reference").Text()
		if r.ResourceType() != "RelatedPerson" {
			ref = r.At("subject.reference").Text()
		}
		if ref == patient && ref != "" || r.ResourceType() == "Patient" || !m.speakers[r.Ref()] {
			continue
		}
		child, err := g.childOf(ctx, m.partner.ID, ref)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		if err != nil || child != m.who.child {
			m.hold("identity", "the message states something about somebody who is not known to be this child: find out who is meant, then resolve with the child")
			return nil
		}
	}
	return nil
}

// formsStay holds a message that files for this child a consent that its sender has filed for
// another one: taken as it is, both children would have it.
func (g *Gateway) formsStay(ctx context.Context, m *inspection) error {
	for _, in := range m.stated {
		if in.Kind != inputConsent {
			continue
		}
		term := []byte("consent|" + m.partner.ID + "|" + in.Key)
		found, err := g.Ledger.FindChild(ctx, [][]byte{term})
		if err != nil {
			return err
		}
		if len(found) > 0 && found[0].Child != m.who.child {
			m.hold("identity", "a consent of this id was filed for another child: have it ended there, then resolve with the child")
			return nil
		}
		m.who.links = append(m.who.links, ledger.Link{Term: term})
	}
	return nil
}

// childOf resolves "Patient/id": the partner's own id first, then the ids that the identity source and this gateway gave.
func (g *Gateway) childOf(ctx context.Context, partner, ref string) (string, error) {
	for _, scope := range []string{partner, ""} {
		found, err := g.Ledger.FindChild(ctx, [][]byte{refTerm(scope, ref)})
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return found[0].Child, nil
		}
	}
	return "", ledger.ErrNotFound
}

func refTerm(scope, ref string) []byte { return []byte("reference|" + scope + "|" + ref) }

// remember links what this message taught us: the Patient's id here, and, from a partner
// who may assert identity, its identifiers and birth date.
func (m *inspection) remember(patient *fhir.Node, terms [][]byte, agree []byte) {
	identifies := m.partner.Asserts[AssertIdentity]
	scope := m.partner.ID
	if identifies || m.in.Protocol == "mllp" { // ids of v2 messages are computed here, not chosen by the partner
		scope = ""
	}
	for _, p := range append([]*fhir.Node{patient}, m.replaced...) {
		m.who.links = append(m.who.links, ledger.Link{Term: refTerm(scope, p.Ref())})
		m.stated = append(m.stated, ledger.Input{Kind: inputReference, Key: p.Ref(), Body: []byte(p.Ref())})
	}
	if !identifies {
		return
	}
	for _, term := range terms {
		m.who.links = append(m.who.links, ledger.Link{Term: term, Agree: agree})
	}
	facts, _ := json.Marshal(childFacts{BirthDate: patient.Get("birthDate").Text(), Flags: flagsOf(patient)})
	m.stated = append(m.stated, ledger.Input{Kind: inputChild, Key: "child", Body: facts})
}

// ExtensionAddressConfidential on Patient marks a child whose address is kept from all who are not expressly allowed.
const ExtensionAddressConfidential = "http://systems-of-care.example/fhir/StructureDefinition/address-confidential"

func flagsOf(patient *fhir.Node) []string {
	for _, e := range patient.Get("extension").Items() {
		if e.Get("url").Text() == ExtensionAddressConfidential && e.Get("valueBoolean").Text() != "false" {
			return []string{"address-confidential"}
		}
	}
	return nil
}

// subjects returns the Patient resources of a bundle and every "Patient/id" it refers to.
func subjects(bundle *fhir.Node) (patients []*fhir.Node, refs []string) {
	seen := map[string]bool{}
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Patient" {
			patients = append(patients, r)
		}
		collectRefs(r, seen, &refs)
	}
	return patients, refs
}

func collectRefs(n *fhir.Node, seen map[string]bool, refs *[]string) {
	for name, value := range n.Members() {
		if ref := value.Text(); name == "reference" && strings.HasPrefix(ref, "Patient/") && !seen[ref] {
			seen[ref] = true
			*refs = append(*refs, ref)
		}
		collectRefs(value, seen, refs)
	}
	for _, item := range n.Items() {
		collectRefs(item, seen, refs)
	}
}
