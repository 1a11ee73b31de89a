package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/ledger"
	"caregate/queue"
)

// inspection is a message on its way in: what each step of Accept learned of it.
type inspection struct {
	partner  Partner
	in       adapters.Inbound
	decoded  adapters.Decoded
	kind     Kind
	who      person
	replaced []*fhir.Node // Patients that are old records of another one, after a merge
	referral
	stated   []ledger.Input  // decision inputs that the partner may assert
	speakers map[string]bool // the resources that state what is about somebody
	asserted bool            // it said something that enters decisions, new or not
	code     adapters.Code
	issues   []adapters.Issue
	held     *ledger.NewWork  // why a person has to look first
	lacks    []ledger.NewWork // held for unknown codes: an item for each further one
	routes   []Route
	message  string // id of the held message that is processed again
}

// Accept takes one message in: decode, assert, identify, label, route, and one ledger
// transaction. It answers only when that transaction is durable. Whatever goes wrong
// before, the raw bytes are kept.
func (g *Gateway) Accept(ctx context.Context, in adapters.Inbound) adapters.Ack {
	m := &inspection{in: in, code: adapters.CodeAccepted}
	return g.accept(ctx, m, "")
}

// accept is Accept for new messages and for held ones that are processed again;
// child, where given, is a person's word on whose message it is.
func (g *Gateway) accept(ctx context.Context, m *inspection, child string) adapters.Ack {
	partner, known := g.partners[m.in.Partner]
	if !known {
		return adapters.Ack{Code: adapters.CodeUnauthenticated}
	}
	m.partner = partner
	if g.decode(m) {
		g.assert(m)
		if err := g.identify(ctx, m, child); err != nil {
			return g.unavailable(err)
		}
		m.holdUnmapped()
	}
	ack, accepted := g.place(ctx, m)
	g.at("committed")
	g.wake(ctx, accepted.Lanes)
	if err := g.effective(ctx, m, accepted.Epochs); err != nil {
		return g.unavailable(err)
	}
	if len(accepted.Epochs) > 0 {
		g.reconsider(ctx, m.who.child)
	}
	return ack
}

// place finds what the message means for its referral, routes it and stores it, with no
// other message of the child in between.
func (g *Gateway) place(ctx context.Context, m *inspection) (adapters.Ack, ledger.Accepted) {
	lock := g.children.of(m.who.child)
	lock.Lock()
	defer lock.Unlock()
	switch {
	case m.code != adapters.CodeAccepted:
	case m.held == nil:
		if err := errors.Join(g.update(ctx, m), g.follow(ctx, m), g.compare(ctx, m)); err != nil {
			return g.unavailable(err), ledger.Accepted{}
		}
		g.label(m)
		g.chooseRoutes(m)
	case m.held.Kind == WorkUnmapped:
		if err := g.compare(ctx, m); err != nil {
			return g.unavailable(err), ledger.Accepted{}
		}
	}
	return g.keep(ctx, m)
}

// decode runs the codec of the partner's protocol. A refusal leaves the message held.
func (g *Gateway) decode(m *inspection) bool {
	codec := m.partner.Codecs[m.in.Protocol]
	if codec == nil {
		m.refuse(adapters.CodeConfiguration, adapters.Issue{Text: "this partner has no codec for the protocol"})
		return false
	}
	decoded, err := codec.Decode(m.in)
	m.decoded = decoded
	m.issues = append(m.issues, decoded.Issues...)
	if refusal := (*adapters.Refusal)(nil); errors.As(err, &refusal) {
		m.refuse(refusal.Code, refusal.Issues...)
		return false
	} else if err != nil {
		m.refuse(adapters.CodeInternal, adapters.Issue{Text: "the message could not be decoded"})
		return false
	}
	m.kind = kindOf(decoded.Bundle)
	return true
}

// refuse sets the answer; the message is stored all the same.
func (m *inspection) refuse(code adapters.Code, issues ...adapters.Issue) {
	m.code = code
	m.issues = append(m.issues, issues...)
}

// hold keeps the message for a person, with the remedy in words.
func (m *inspection) hold(kind, remedy string) {
	m.held = &ledger.NewWork{Kind: kind, Owner: m.partner.Owner, Partner: m.partner.ID, Remedy: remedy}
}

// chooseRoutes fills in the routes that carry this kind of message from this partner.
func (g *Gateway) chooseRoutes(m *inspection) {
	if m.held != nil || m.move == moveNone || m.move == moveBack || m.in.Protocol == ProtocolOperator {
		return
	}
	for _, r := range g.Routes {
		if r.carries(m) {
			m.routes = append(m.routes, r)
		}
	}
	introduces := m.kind == KindDetails && m.partner.Asserts[AssertIdentity] // who the child is was what it had to say
	if len(m.routes) == 0 && m.kind != KindFacts && !m.asserted && !introduces {
		m.hold("went-nowhere", "no route carries this kind of message from this partner: add a route, then resolve this item")
	}
}

// label adds the security labels. Those of the sender lower only where its profile says that they may.
func (g *Gateway) label(m *inspection) {
	if m.partner.Asserts[AssertLabel] {
		g.Labeler.Label(m.decoded.Bundle)
		return
	}
	g.Labeler.Raise(m.decoded.Bundle)
}

// compare leaves of what is stated only what changes the child's decision inputs.
func (g *Gateway) compare(ctx context.Context, m *inspection) error {
	if m.who.isNew || m.who.child == "" {
		return nil
	}
	standing, _, err := g.Ledger.Inputs(ctx, m.who.child)
	m.stated = facts(standing).changes(m.stated)
	return err
}

// keep is the one ledger transaction of Accept, and the answer that follows from it.
func (g *Gateway) keep(ctx context.Context, m *inspection) (adapters.Ack, ledger.Accepted) {
	accepted, err := g.Ledger.Accept(ctx, g.acceptance(m))
	switch {
	case errors.Is(err, ledger.ErrConflict) && m.code == adapters.CodeAccepted: // refused, and kept like everything else
		m.refuse(adapters.CodeDuplicate, adapters.Issue{Code: adapters.CodeDuplicate, Text: "this control id was used for other content"})
		return g.keep(ctx, m)
	case errors.Is(err, ledger.ErrLinked) && m.held == nil && !m.who.isNew: // a child introduced twice at once is found the second time
		m.hold("identity", "an id in this message already stands for another child: find out which is right, then resolve with the child")
		return g.keep(ctx, m)
	case err != nil:
		return g.unavailable(err), accepted
	}
	ack := adapters.Ack{MessageID: accepted.Message, Code: m.code, Issues: m.issues, Duplicate: accepted.Duplicate}
	if m.held != nil && !accepted.Duplicate {
		g.Log.Warn("message waits for a person", slog.String("message", accepted.Message), slog.String("partner", m.partner.ID), slog.String("kind", m.held.Kind))
	}
	if m.held != nil && m.code == adapters.CodeAccepted {
		ack.Code = adapters.CodeHeld
	}
	if accepted.Duplicate && accepted.FirstCode != "" {
		ack.Code = adapters.Code(accepted.FirstCode)
	}
	return ack, accepted
}

// acceptance writes down what is stored: always the raw bytes; the Bundle, inputs and deliveries when they are sound.
func (g *Gateway) acceptance(m *inspection) *ledger.Acceptance {
	a := &ledger.Acceptance{
		Partner: m.partner.ID, Protocol: m.in.Protocol, ContentType: m.in.ContentType, Interaction: m.in.Interaction,
		ControlID: m.decoded.ControlID, Event: m.decoded.Event, Received: m.in.Received, Raw: m.in.Raw,
		Code: string(m.code), State: ledger.MessageAccepted,
		Window: m.partner.Duplicates.Window, AcceptConflict: m.partner.Duplicates.Flag,
		Reserve:   m.code == adapters.CodeAccepted && m.decoded.ControlID != "",
		Reprocess: m.message,
		Changes:   m.saidAnew(),
	}
	if len(m.issues) > 0 {
		a.Issues, _ = json.Marshal(m.issues)
	}
	for _, p := range m.decoded.Placers {
		a.Aliases = append(a.Aliases, ledger.Alias{Kind: "placer", Value: p})
	}
	if m.decoded.Bundle != nil {
		a.Bundle = m.decoded.Bundle.JSON()
	}
	switch {
	case m.code != adapters.CodeAccepted:
		a.State = ledger.MessageHeld
		a.Work = []ledger.NewWork{{Kind: "refused", Owner: m.partner.Owner, Partner: m.partner.ID, Remedy: "the sender was told what is wrong and where; it has to correct and send again"}}
	case m.held != nil:
		a.State, a.Code = ledger.MessageHeld, string(adapters.CodeHeld)
		a.Work = append([]ledger.NewWork{*m.held}, m.lacks...)
		if !m.who.isNew {
			a.Child = m.who.child
			a.Inputs = m.withdrawn()
		}
	default:
		g.fill(a, m)
	}
	a.Events = []ledger.Event{{Kind: "received", Partner: m.partner.ID, Child: a.Child, Outcome: a.Code}}
	return a
}

// fill adds what only a sound message of a known child brings.
func (g *Gateway) fill(a *ledger.Acceptance, m *inspection) {
	a.Child, a.NewChild, a.Links = m.who.child, m.who.isNew, m.who.links
	for _, in := range m.stated {
		in.Child = m.who.child
		a.Inputs = append(a.Inputs, in)
	}
	a.Aliases = append(a.Aliases, m.loops...)
	a.Work = append(a.Work, m.lacks...)
	if m.move == moveBack || m.move == moveSkip {
		a.Work = append(a.Work, ledger.NewWork{Kind: "out-of-order", Owner: m.partner.Owner, Partner: m.partner.ID, Remedy: "the referral is past this state; the later state stands, ask the partner if that is wrong"})
	}
	for _, r := range m.routes {
		a.Deliveries = append(a.Deliveries, g.delivery(r, m))
	}
}

func (g *Gateway) delivery(r Route, m *inspection) ledger.NewDelivery {
	d := ledger.NewDelivery{Destination: r.Destination(), Route: r.Name, Lane: r.Destination() + "/" + m.who.child, Urgency: 1, Subjects: []string{m.who.child}}
	if r.urgent(m.decoded.Bundle) {
		d.Urgency = 0
	}
	if r.Expires > 0 {
		d.Expires = g.Now().Add(r.Expires)
	}
	return d
}

// unavailable is the answer when nothing could be made durable: none, so that the partner sends again.
func (g *Gateway) unavailable(err error) adapters.Ack {
	g.Log.Error("message not stored, no answer given", slog.Any("error", err))
	return adapters.Ack{Code: adapters.CodeUnavailable, Silent: true}
}

// wake hints the schedule; the sweep finds what it misses.
func (g *Gateway) wake(ctx context.Context, lanes []ledger.LaneDue) {
	due := make([]queue.Lane, len(lanes))
	for i, l := range lanes {
		due[i] = queue.Lane{Name: l.Lane, Destination: l.Destination, Due: l.Due}
	}
	if err := g.Schedule.Wake(ctx, due...); err != nil {
		g.Log.Warn("lanes not woken, the sweep will", slog.Any("error", err))
	}
}

func has[T comparable](list []T, want T) bool {
	return slices.Contains(list, want)
}
