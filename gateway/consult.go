package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/identity"
	"caregate/ledger"
	"caregate/policy"
)

// ProtocolConsult is the protocol whose codec renders the answers to Consult.
const ProtocolConsult = "cdshooks"

// kindDecision is the Outbound.Kind of an answer without content.
const kindDecision = "decision"

// Consult answers a partner whether it may have records of a child, decided at this instant:
// of the content that it shows what it may have, or without content whether it may have
// normal records of the classes it names. Who asks and for which purposes comes from its
// registration, consents and authority from the ledger. CodeBusinessRule says that a consent
// denies or that the purpose is not registered; CodeUnknownKey stands for a child that is not
// known, for one without a consent, and for whatever is withheld for a protected reason.
func (g *Gateway) Consult(ctx context.Context, q adapters.Consultation) (adapters.Permit, adapters.Ack) {
	var none adapters.Permit // permits nothing
	p, known := g.partners[q.Partner]
	if !known || p.Codecs[ProtocolConsult] == nil {
		return none, refused(adapters.CodeForbidden, "this partner may not ask")
	}
	route, ack := g.consulted(p, q)
	if ack.Code != "" {
		return none, g.notConsulted(ctx, &verdict{Purpose: route.Purpose, Recipient: p.ID}, "", ack)
	}
	child, err := g.childAsked(ctx, p, q)
	if errors.Is(err, ledger.ErrNotFound) {
		return none, g.notConsulted(ctx, &verdict{Purpose: route.Purpose, Recipient: p.ID}, "", adapters.Ack{Code: adapters.CodeUnknownKey})
	}
	if err != nil {
		return none, g.unavailable(err)
	}
	for {
		a, err := g.shown(ctx, p, q, route, child)
		if err != nil {
			return none, g.unavailable(err)
		}
		permit, v, err := g.advise(ctx, a)
		switch {
		case errors.Is(err, ledger.ErrStale): // a decision input changed while we decided
		case errors.Is(err, errDenied), errors.Is(err, errHeld), errors.Is(err, errNothing):
			return none, g.notConsulted(ctx, v, child, saysNo(a, v))
		case err != nil:
			return none, g.unavailable(err)
		default:
			return permit, adapters.Ack{Code: adapters.CodeAccepted}
		}
	}
}

// consulted checks who asks and what for against the registration; an Ack with a code refuses.
func (g *Gateway) consulted(p Partner, q adapters.Consultation) (Route, adapters.Ack) {
	route := Route{Name: "consult", To: p.ID, Content: q.Classes, Codec: p.Codecs[ProtocolConsult]}
	for _, actor := range q.Actors {
		if !p.is(actor) {
			return route, refused(adapters.CodeForbidden, "actor is not the organisation that this credential is registered for")
		}
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(q.Purposes)))
	switch {
	case len(wanted) > 1:
		return route, refused(adapters.CodeBusinessRule, "Ask for one purpose of use at a time.")
	case len(wanted) == 0 && p.Reads == "", len(wanted) == 1 && !slices.Contains(g.purposes(p), wanted[0]):
		return route, refused(adapters.CodeBusinessRule, "The purpose of use is not registered for this partner.")
	}
	route.Purpose = p.Reads
	if len(wanted) == 1 {
		route.Purpose = wanted[0]
	}
	if slices.ContainsFunc(q.Classes, func(class string) bool { return !fhir.IsResourceType(class) }) {
		return route, refused(adapters.CodeBusinessRule, "A class that is asked for is not a resource type.")
	}
	return route, adapters.Ack{}
}

func refused(code adapters.Code, text string) adapters.Ack {
	return adapters.Ack{Code: code, Issues: []adapters.Issue{{Code: code, Text: text}}}
}

// is reports whether an identifier names the partner as it is registered.
func (p Partner) is(actor adapters.Identifier) bool {
	r := p.Recipient
	if actor.System == "" {
		return actor.Value != "" && (actor.Value == r.Ref || actor.Value == r.Organization)
	}
	return slices.Contains(r.Identifiers, consent.Identifier{System: actor.System, Value: actor.Value})
}

// purposes are those for which a partner is registered to get anything at all.
func (g *Gateway) purposes(p Partner) []string {
	all := []string{}
	if p.Reads != "" {
		all = append(all, p.Reads)
	}
	for _, r := range g.Routes {
		if r.To == p.ID {
			all = append(all, r.Purpose)
		}
	}
	return all
}

// childAsked finds the child by exact identifiers, as messages find it. Where the caller shows a
// Patient, family name and birth date have to agree; ErrNotFound is the answer to every doubt.
func (g *Gateway) childAsked(ctx context.Context, p Partner, q adapters.Consultation) (string, error) {
	var terms [][]byte
	var named []string // the children that are meant, one for each way in which one is named
	patients := patientsOf(q.Content)
	for _, id := range q.Patient {
		switch {
		case id.System == "":
			child, err := g.childOf(ctx, p.ID, id.Value)
			if err != nil {
				return "", err
			}
			named = append(named, child)
		case g.Assigners[id.System] && id.Value != "":
			terms = append(terms, identity.Term(id.System, id.Value))
		}
	}
	for _, patient := range patients {
		terms = append(terms, identity.Terms(patient, g.Assigners)...)
	}
	found, err := g.Ledger.FindChild(ctx, terms)
	if err != nil {
		return "", err
	}
	for _, f := range found {
		if slices.ContainsFunc(patients, func(patient *fhir.Node) bool { return !f.Agree(identity.Agreement(patient)) }) {
			return "", ledger.ErrNotFound
		}
		named = append(named, f.Child)
	}
	if named = slices.Compact(named); len(named) != 1 {
		return "", ledger.ErrNotFound
	}
	return named[0], nil
}

func patientsOf(content *fhir.Node) []*fhir.Node {
	var out []*fhir.Node
	for _, r := range fhir.Entries(content) {
		if r.ResourceType() == "Patient" {
			out = append(out, r)
		}
	}
	return out
}

// shown is what a consultation decides about: the caller's own records, or one normal record
// of each class it names. Labels of the caller raise, and lower only where its profile says so.
func (g *Gateway) shown(ctx context.Context, p Partner, q adapters.Consultation, route Route, child string) (*asked, error) {
	a := &asked{route: route, child: child, bundle: fhir.NewResource("Bundle").SetText("type", "collection")}
	if q.Content == nil {
		a.out.Kind = kindDecision
		return a, g.samples(ctx, a)
	}
	for _, entry := range q.Content.Get("entry").Items() {
		if r := entry.Get("resource"); r.Ref() != "" {
			a.bundle.Add("entry", fhir.NewObject().SetText("fullUrl", entry.Get("fullUrl").Text()).Set("resource", r.Clone()))
		}
	}
	if !p.Asserts[AssertLabel] {
		g.Labeler.Raise(a.bundle)
	}
	return a, nil
}

// samples adds a normal record of the child of each class that is asked for. It holds nothing.
func (g *Gateway) samples(ctx context.Context, a *asked) error {
	inputs, _, err := g.Ledger.Inputs(ctx, a.child)
	if err != nil {
		return err
	}
	var r consent.Request
	facts(inputs).into(&r, &g.forms)
	classes := a.route.Content
	if len(classes) == 0 {
		classes = []string{"Observation"}
	}
	for _, class := range classes {
		sample := fhir.NewResource(class).SetText("id", "sample").Set("meta", fhir.NewObject().
			Add("security", fhir.NewObject().SetText("system", consent.SystemConfidentiality).SetText("code", "N"))).
			Set("subject", fhir.NewObject().SetText("reference", r.Child.Ref))
		if class == "Patient" {
			sample.SetText("id", strings.TrimPrefix(r.Child.Ref, "Patient/"))
		}
		a.bundle.Add("entry", fhir.NewObject().Set("resource", sample))
	}
	return nil
}

// advise releases the answer, under the gate like a read. Without content it is all or nothing.
func (g *Gateway) advise(ctx context.Context, a *asked) (adapters.Permit, *verdict, error) {
	return g.release(ctx, a, func(ctx context.Context, v *verdict) (adapters.Release, error) {
		if a.out.Kind == kindDecision && len(v.Withheld)+len(v.OffRoute) > 0 {
			return adapters.Release{}, errDenied
		}
		now := g.Now()
		writeBy := v.writeBy(now, readExpiry/2)
		err := g.Ledger.Admit(ctx, ledger.Reading{
			Child: a.child, Epoch: v.epochs[a.child], Holder: g.holder, GateUntil: now.Add(readExpiry),
			Events: []ledger.Event{consultEvent(v, a.child, "0")},
		})
		return adapters.Release{Destination: a.route.To, WriteBy: writeBy}, err
	})
}

func consultEvent(v *verdict, child, outcome string) ledger.Event {
	return ledger.Event{Kind: "consult", Partner: v.Recipient, Child: child, Outcome: outcome, Body: v.audited()}
}

// notConsulted records that nothing was released, and answers so.
func (g *Gateway) notConsulted(ctx context.Context, v *verdict, child string, ack adapters.Ack) adapters.Ack {
	if err := g.Ledger.Log(ctx, consultEvent(v, child, "8")); err != nil {
		return g.unavailable(err)
	}
	return ack
}

// saysNo tells a denial from the lack of a consent: a denial is told only where a consent in
// force forbids a record that nothing protects. Whatever is protected is as if it were not there.
func saysNo(a *asked, v *verdict) adapters.Ack {
	plain := map[string]bool{}
	for _, r := range fhir.Entries(a.bundle) {
		plain[r.Ref()] = unprotected(r)
	}
	for _, rd := range v.Decision.Resources {
		denied := slices.ContainsFunc(rd.Reasons, func(r policy.Reason) bool { return r.Code == "consent-deny" })
		if rd.Withheld && denied && plain[rd.Ref] {
			return adapters.Ack{Code: adapters.CodeBusinessRule}
		}
	}
	return adapters.Ack{Code: adapters.CodeUnknownKey}
}

// unprotected reports whether a record carries no label beyond "normal".
func unprotected(r *fhir.Node) bool {
	return !slices.ContainsFunc(fhir.SecurityLabels(r), func(l fhir.SecurityLabel) bool {
		return l.System != consent.SystemConfidentiality || consent.Rank(l.Code) > consent.Rank("N")
	})
}

// basedOn lists the consents that permit what is released, without the versions kept here.
func basedOn(d policy.Decision) []string {
	var out []string
	for _, rd := range d.Resources {
		for _, r := range rd.Reasons {
			if !rd.Withheld && r.Consent != "" && !slices.Contains(out, r.Consent) {
				out = append(out, r.Consent)
			}
		}
	}
	slices.Sort(out)
	return out
}
