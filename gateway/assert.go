package gateway

import (
	"encoding/json"
	"slices"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/ledger"
)

// The kinds of decision inputs that the ledger keeps as versioned rows.
const (
	inputConsent   = "consent"   // a Consent resource
	inputAuthority = "authority" // who may consent, from one RelatedPerson
	inputChild     = "child"     // birth date and flags, from the identity source
	inputReference = "reference" // a "Patient/id" that is this child
)

// assert keeps the statements this partner may make as decision inputs. What it may not
// state stays in the message as a document, with an issue, and never enters a decision.
func (g *Gateway) assert(m *inspection) {
	for _, r := range fhir.Entries(m.decoded.Bundle) {
		switch r.ResourceType() {
		case "Consent":
			g.assertConsent(m, r)
		case "RelatedPerson":
			g.assertAuthority(m, r)
		case "Patient", "DocumentReference", "Flag":
			g.assertStatements(m, r)
		}
	}
	g.assertMedication(m)
	m.asserted = len(m.stated) > 0
	// A Consent filed alone says nothing else: refuse what would lie there in silence.
	if m.kind == KindFacts && !m.asserted && m.code == adapters.CodeAccepted {
		m.refuse(adapters.CodeForbidden, adapters.Issue{Location: "Consent", Code: adapters.CodeForbidden, Text: "this partner may not file consents: its profile has to say so (asserts: consent)"})
	}
}

func (g *Gateway) assertConsent(m *inspection, r *fhir.Node) {
	if !m.partner.Asserts[AssertConsent] {
		m.issues = append(m.issues, adapters.Issue{Location: "Consent", Code: adapters.CodeForbidden, Text: "kept as a document: this partner may not assert consents"})
		return
	}
	if problems := checkConsent(r); len(problems) > 0 {
		for _, p := range problems {
			m.refuse(adapters.CodeBusinessRule, adapters.Issue{Location: p.Path, Code: adapters.CodeBusinessRule, Text: p.Text})
		}
		return
	}
	m.stated = append(m.stated, ledger.Input{Kind: inputConsent, Key: r.Ref(), Body: r.JSON()})
}

// assertAuthority files what a RelatedPerson says of authority. A RelatedPerson that says
// nothing of it any more, or is no longer active, ends what it said before.
func (g *Gateway) assertAuthority(m *inspection, r *fhir.Node) {
	found, err := consent.AuthorityFrom(r)
	switch {
	case !m.partner.Asserts[AssertAuthority]:
		if err != nil || len(found) > 0 {
			m.issues = append(m.issues, adapters.Issue{Location: "RelatedPerson.extension", Code: adapters.CodeForbidden, Text: "kept as a document: this partner may not assert authority"})
		}
	case err != nil:
		m.refuse(adapters.CodeBusinessRule, adapters.Issue{Location: "RelatedPerson.extension", Code: adapters.CodeBusinessRule, Text: err.Error()})
	default:
		for i := range found {
			m.originate(&found[i].Origin)
		}
		body, _ := json.Marshal(found)
		ended := len(found) == 0 || r.Get("active").Text() == "false"
		if !ended {
			m.speaks(r)
		}
		m.stated = append(m.stated, ledger.Input{Kind: inputAuthority, Key: r.Ref(), Body: body, Ended: ended})
	}
}

// saidAnew reports whether what the message changes is changed even when its very bytes came
// before. Without an id of the sender's the same form can be given, withdrawn and given again.
// Under an id it is a copy that was late, and must not undo a later withdrawal; a withdrawal
// counts whenever it comes.
func (m *inspection) saidAnew() bool {
	if m.who.isNew || m.who.child == "" || len(m.stated) == 0 {
		return false
	}
	return m.decoded.Computed || !slices.ContainsFunc(m.stated, func(in ledger.Input) bool { return !withdraws(in) })
}

func withdraws(in ledger.Input) bool {
	if in.Kind == inputStatement {
		var s consent.Statement
		err := json.Unmarshal(in.Body, &s)
		s.Ended = in.Ended
		return err == nil && s.Narrows()
	}
	if in.Kind != inputConsent {
		return in.Ended
	}
	form, err := fhir.Parse(in.Body)
	return err == nil && form.Get("status").Text() != "active"
}
