package gateway

import (
	"context"
	"slices"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/ledger"
)

// How far back what is known is looked for: so many of a child's messages, and so many of them
// that the sender sent.
const (
	maxBack = 200
	maxOwn  = 10
)

// update makes of what a message says a change of what its sender said before, where its format
// leaves out what did not change: who is told gets the whole, not the part that was repeated.
// A record that was merged into another stays so, whatever comes late about it.
func (g *Gateway) update(ctx context.Context, m *inspection) error {
	codec, ok := m.partner.Codecs[m.in.Protocol].(adapters.Updater)
	if !ok || m.who.isNew || m.who.child == "" {
		return nil
	}
	known, err := g.known(ctx, m)
	if err != nil || len(known) == 0 {
		return err
	}
	bundle, err := codec.Update(m.in, known)
	if err != nil { // sent again it would fail again
		m.issues = append(m.issues, adapters.Issue{Code: adapters.CodeInternal, Text: "what was said before could not be taken up: the message stands alone"})
		return nil //nolint:nilerr // said in the issue
	}
	m.decoded.Bundle, m.kind = bundle, kindOf(bundle)
	for _, old := range known {
		stayReplaced(bundle, old)
	}
	return nil
}

// known returns what the sender of a message said last of each of its resources, for the same child.
func (g *Gateway) known(ctx context.Context, m *inspection) ([]*fhir.Node, error) {
	wanted := map[string]bool{}
	for _, r := range fhir.Entries(m.decoded.Bundle) {
		switch r.ResourceType() {
		case "Patient", "RelatedPerson", "Organization", "Encounter", "Condition", "Goal", "CarePlan", "Appointment", "DocumentReference":
			wanted[r.Ref()] = true
		case "ServiceRequest":
			if m.kind != KindStatus { // which says what it says
				wanted[r.Ref()] = true
			}
		}
	}
	ids, err := g.Ledger.MessagesOf(ctx, m.who.child)
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	var known []*fhir.Node
	own := 0
	for back := 1; back <= min(len(ids), maxBack) && own < maxOwn && len(wanted) > 0; back++ {
		msg, err := g.Ledger.Message(ctx, ids[len(ids)-back])
		if err != nil {
			return nil, err
		}
		if msg.ID == m.message || msg.Partner != m.partner.ID || msg.Protocol != m.in.Protocol || msg.State != ledger.MessageAccepted {
			continue
		}
		own++
		_, bundle, err := g.stored(ctx, msg.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range fhir.Entries(bundle) {
			if wanted[r.Ref()] {
				delete(wanted, r.Ref())
				known = append(known, r)
			}
		}
	}
	return known, nil
}

// survivors tells the Patients of a message from those that it says were merged into one of them.
func survivors(patients []*fhir.Node) (staying, replaced []*fhir.Node) {
	for _, p := range patients {
		if into := replacedBy(p); into != "" && into != p.Ref() && hasRef(patients, into) {
			replaced = append(replaced, p)
		} else {
			staying = append(staying, p)
		}
	}
	return staying, replaced
}

func hasRef(list []*fhir.Node, ref string) bool {
	return slices.ContainsFunc(list, func(r *fhir.Node) bool { return r.Ref() == ref })
}

// replacedBy returns the "Patient/id" that a Patient was merged into, "" for none (FHIR R4 Patient.link).
func replacedBy(patient *fhir.Node) string {
	for _, link := range patient.Get("link").Items() {
		if link.Get("type").Text() == "replaced-by" {
			return link.At("other.reference").Text()
		}
	}
	return ""
}

// stayReplaced keeps a merged record merged.
func stayReplaced(bundle, old *fhir.Node) {
	if old.ResourceType() != "Patient" || replacedBy(old) == "" {
		return
	}
	for _, r := range fhir.Entries(bundle) {
		if r.Ref() == old.Ref() && replacedBy(r) == "" {
			r.Set("active", fhir.NewBool(false))
			for _, link := range old.Get("link").Items() {
				r.Add("link", link.Clone())
			}
		}
	}
}
