package gateway

import (
	"context"
	"slices"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/ledger"
)

// referral is what a message means for the referral it belongs to.
type referral struct {
	loops  []ledger.Alias // how the referral is found again: its placer identifiers
	origin ledger.Message // the message that asked for the service; zero where this one does
	move   move

	medication bool // it asked for approval of a medication
}

// loopAlias names the alias under which messages of one referral are found: "system|value" of its placer identifier.
const loopAlias = "loop"

// follow connects a message to its referral: who may speak of it, whether its state moves
// on, and the resources of the order that a status alone does not repeat.
func (g *Gateway) follow(ctx context.Context, m *inspection) error {
	m.loops = loopsOf(m.decoded.Bundle)
	if m.kind != KindStatus {
		return nil
	}
	origin, err := g.originOf(ctx, m.who.child, m.loops, m.decoded.ReplyTo)
	if err != nil {
		return err
	}
	if origin.ID == "" {
		m.hold("unknown-referral", "no referral with this placer number is known for this child: when it has come, resolve this item")
		return nil
	}
	m.origin = origin
	mayKnow, err := g.party(ctx, m.partner.ID, origin)
	if err != nil {
		return err
	}
	if !mayKnow {
		m.hold("not-a-party", "this partner was never sent this referral: find out how it knows of it before anything moves")
		return nil
	}
	kind, _, err := g.stored(ctx, origin.ID)
	if err != nil {
		return err
	}
	m.medication = kind == KindMedication
	if err := g.judge(ctx, m); err != nil {
		return err
	}
	if err := g.decidesMedication(ctx, m); err != nil {
		return err
	}
	return g.complete(ctx, m)
}

// loopsOf returns the placer identifiers of the orders and tasks of a bundle (HL7 table 0203: PLAC).
func loopsOf(bundle *fhir.Node) []ledger.Alias {
	var loops []ledger.Alias
	for _, r := range fhir.Entries(bundle) {
		if t := r.ResourceType(); t != "Task" && t != "ServiceRequest" {
			continue
		}
		for _, id := range r.Get("identifier").Items() {
			if id.At("type.coding[0].code").Text() != "PLAC" {
				continue
			}
			alias := ledger.Alias{Kind: loopAlias, Value: id.Get("system").Text() + "|" + id.Get("value").Text()}
			if !slices.Contains(loops, alias) {
				loops = append(loops, alias)
			}
		}
	}
	return loops
}

// originOf finds the message that asked: by our own control id that is answered, else by a placer identifier.
func (g *Gateway) originOf(ctx context.Context, child string, loops []ledger.Alias, replyTo string) (ledger.Message, error) {
	lookups := loops
	if replyTo != "" {
		lookups = append([]ledger.Alias{{Kind: "outbound", Value: replyTo}}, loops...)
	}
	for _, l := range lookups {
		ids, err := g.Ledger.FindMessages(ctx, l.Kind, l.Value)
		if err != nil {
			return ledger.Message{}, err
		}
		for _, id := range ids {
			msg, err := g.Ledger.Message(ctx, id)
			if err != nil {
				return ledger.Message{}, err
			}
			if msg.Child != child || msg.State != ledger.MessageAccepted {
				continue
			}
			if kind, _, err := g.stored(ctx, id); err != nil || kind == KindReferral || kind == KindMedication {
				return msg, err
			}
		}
	}
	return ledger.Message{}, nil
}

// stored reads back an accepted message.
func (g *Gateway) stored(ctx context.Context, id string) (Kind, *fhir.Node, error) {
	body, err := g.Ledger.Bundle(ctx, id)
	if err != nil {
		return KindOther, nil, err
	}
	bundle, err := fhir.Parse(body)
	if err != nil {
		return KindOther, nil, err
	}
	return kindOf(bundle), bundle, nil
}

// party reports whether the partner asked for the service or was a destination of the request.
func (g *Gateway) party(ctx context.Context, partner string, origin ledger.Message) (bool, error) {
	if origin.Partner == partner || partner == ownPartner {
		return true, nil
	}
	deliveries, err := g.Ledger.Deliveries(ctx, origin.ID)
	for _, d := range deliveries {
		if r, ok := g.route(d.Route); ok && r.To == partner {
			return true, err
		}
	}
	return false, err
}

// judge compares the status with the last one that the same partner reported for the referral.
func (g *Gateway) judge(ctx context.Context, m *inspection) error {
	prior, err := g.lastStatus(ctx, m)
	if err != nil {
		return err
	}
	m.move = taskMove(prior, statusOf(m.decoded.Bundle))
	if m.move == moveNone {
		m.issues = append(m.issues, adapters.Issue{Location: "Task.status", Code: adapters.CodeAccepted, Text: "the referral is in this state already: nobody is told again"})
	}
	if m.move == moveSkip && m.medication {
		m.move = moveOn // it is decided at once, without being accepted first
	}
	if m.move == moveSkip {
		m.hold("out-of-order", "the referral is reported as completed before it was accepted: ask the partner, then resolve this item")
	}
	return nil
}

func (g *Gateway) lastStatus(ctx context.Context, m *inspection) (string, error) {
	var last string
	var seq int64
	for _, l := range m.loops {
		ids, err := g.Ledger.FindMessages(ctx, l.Kind, l.Value)
		if err != nil {
			return "", err
		}
		for _, id := range ids {
			msg, err := g.Ledger.Message(ctx, id)
			if err != nil {
				return "", err
			}
			if msg.Partner != m.partner.ID || msg.Child != m.who.child || msg.State != ledger.MessageAccepted || msg.Seq < seq {
				continue
			}
			kind, bundle, err := g.stored(ctx, id)
			if err != nil {
				return "", err
			}
			if status := statusOf(bundle); kind == KindStatus && taskMove(last, status) == moveOn {
				last, seq = status, msg.Seq
			}
		}
	}
	return last, nil
}

func statusOf(bundle *fhir.Node) string {
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Task" {
			return r.Get("status").Text()
		}
	}
	return ""
}

// contextTypes are what a status does not repeat and a reader of it needs: the order and who is who.
var contextTypes = []string{"Patient", "ServiceRequest", "Practitioner", "PractitionerRole", "Organization"}

// clinical are the elements of an order that a reader of its status does not need
// (minimum necessary, 45 CFR 164.502(b)).
var clinical = []string{"text", "note", "reasonCode", "reasonReference", "supportingInfo", "insurance", "specimen", "bodySite", "relevantHistory", "contained"}

// lean copies a context resource without what is not needed to tell a status.
func lean(r *fhir.Node) *fhir.Node {
	c := r.Clone()
	if c.ResourceType() == "ServiceRequest" {
		for _, name := range clinical {
			c.Remove(name)
		}
	}
	return c
}

// complete adds the order's resources to a status, so that it can be told in any protocol.
// They are decided like everything else when the status leaves.
func (g *Gateway) complete(ctx context.Context, m *inspection) error {
	_, asked, err := g.stored(ctx, m.origin.ID)
	if err != nil {
		return err
	}
	rename(m.decoded.Bundle, sameThings(m.decoded.Bundle, asked))
	have := map[string]bool{}
	for _, r := range fhir.Entries(m.decoded.Bundle) {
		have[r.Ref()] = true
		if r.ResourceType() == "Patient" {
			have["Patient"] = true
		}
	}
	for _, r := range fhir.Entries(asked) {
		if !has(contextTypes, r.ResourceType()) || have[r.Ref()] || have[r.ResourceType()] {
			continue
		}
		m.decoded.Bundle.Add("entry", fhir.NewObject().
			Set("resource", lean(r)).
			Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", r.Ref())))
	}
	return nil
}
