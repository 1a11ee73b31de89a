package gateway

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"

	"caregate/adapters"
	"caregate/ledger"
)

// intended is a recorded intent: what a permit is made of, and the fencing token.
type intended struct {
	adapters.Release
	token int64
}

// keySpace makes idempotency keys: the same delivery and release give the same key anywhere.
var keySpace = uuid.MustParse("6f1d3f0e-5a55-5c1e-9a3b-8d1f7c2b4e60")

func keyOf(delivery string, release int) string {
	return uuid.NewSHA1(keySpace, fmt.Append(nil, delivery, "#", release)).String()
}

// controlIDOf is MSH-10 of a rendered message: 20 characters at most (HL7 v2.5.1 2.14.9.10), stable over repeats.
func controlIDOf(delivery string, release int) string {
	id := uuid.MustParse(keyOf(delivery, release))
	return "CG" + base32.StdEncoding.EncodeToString(id[:10])
}

// intend records that these bytes are about to leave. When an earlier attempt recorded
// another decision or other bytes, this is a new release with a new key that names the
// earlier one as possibly received.
func (g *Gateway) intend(ctx context.Context, d ledger.Delivery, a *asked, v *verdict) (intended, error) {
	release, predecessor := max(d.Release, 1), d.Predecessor
	if d.Release > 0 && (d.SHA256 != v.SHA256 || d.Decision != v.digest) {
		release, predecessor = d.Release+1, d.Key
		a.out.Key, a.out.ControlID = keyOf(d.ID, release), controlIDOf(d.ID, release)
		if err := g.render(a, v); err != nil {
			return intended{}, err
		}
	}
	body, err := json.Marshal(v)
	if err != nil {
		return intended{}, err
	}
	var work []ledger.NewWork
	if release > d.Release { // a repeat brings no new duties
		work = g.duties(v, d.Destination, true)
	}
	now := g.Now()
	writeBy := v.writeBy(now, GateExpiry-writeMargin)
	token, _, err := g.Ledger.Intend(ctx, ledger.Intent{
		Delivery: d.ID, Prior: d.Token, Children: d.Subjects, Epochs: v.epochs, Holder: g.holder, GateUntil: now.Add(GateExpiry),
		Release: release, Key: a.out.Key, ControlID: a.out.ControlID, SHA256: v.SHA256, Decision: v.digest,
		DecisionBody: body, Predecessor: predecessor, Work: work, Events: []ledger.Event{g.decisionEvent(d, v, "0")},
	})
	if err != nil {
		return intended{}, err
	}
	return intended{token: token, Release: adapters.Release{
		Destination: a.route.To, DeliveryID: d.ID, Key: a.out.Key, ControlID: a.out.ControlID, Origin: a.out.Origin, WriteBy: writeBy,
	}}, nil
}

// decline records a decision that released nothing.
func (g *Gateway) decline(ctx context.Context, d ledger.Delivery, v *verdict, state string, code adapters.Code, reason string) {
	decided := ledger.Decided{Delivery: d.ID, Prior: d.Token, State: state, Code: string(code), Reason: reason}
	if v != nil {
		decided.Epochs, decided.Decision = v.epochs, v.digest
		decided.DecisionBody, _ = json.Marshal(v)
		decided.Events = []ledger.Event{g.decisionEvent(d, v, "8")}
	}
	if state == ledger.DeliveryHeld || state == ledger.DeliveryFailed {
		decided.Work = []ledger.NewWork{{Kind: "delivery-" + state, Owner: g.owner(d.Destination), Partner: d.Destination, Remedy: remedyOf(v, reason)}}
	}
	if v != nil && state != ledger.DeliveryPending {
		decided.Work = append(decided.Work, g.duties(v, d.Destination, false)...)
	}
	decided.Work = append(decided.Work, g.undelivered(d, state)...)
	if _, err := g.Ledger.Decline(ctx, decided); err != nil {
		g.Log.Info("decision not recorded, it will be made again", slog.String("delivery", d.ID), slog.Any("error", err))
	}
}

func remedyOf(v *verdict, reason string) string {
	switch {
	case v != nil && v.Missing != "":
		return "the destination cannot safely lack " + v.Missing + ": obtain consent for it, then resolve this item"
	case v != nil && v.Problem != "":
		return v.Problem
	default:
		return reason
	}
}

// decisionEvent is the audit entry of one decision (IHE BALP, Consent Authorized Decision). It carries no content.
func (g *Gateway) decisionEvent(d ledger.Delivery, v *verdict, outcome string) ledger.Event {
	return ledger.Event{Kind: "AuthZ-Consent", Partner: v.Recipient, Delivery: d.ID, Message: d.Message, Outcome: outcome, Body: v.audited()}
}

// auditedDecision is what an audit entry says of a decision: which law and rules, how much
// went, of which types, and the hash of what went. Ids are their senders' own text and may
// name a child, so consents stand there by a hash.
type auditedDecision struct {
	Decision  string            `json:"decision"`
	Effect    string            `json:"effect"`
	Law       map[string]string `json:"law"`
	Purpose   string            `json:"purpose"`
	Recipient string            `json:"recipient"`
	Released  int               `json:"released"`
	Withheld  int               `json:"withheld"`
	Types     []string          `json:"types,omitempty"`
	Basis     []string          `json:"basis,omitempty"`
	Consents  []string          `json:"consents,omitempty"`
	SHA256    string            `json:"sha256,omitempty"`
}

func (v *verdict) audited() []byte {
	d := auditedDecision{
		Decision: v.Decision.ID, Effect: v.Decision.Effect, Law: v.Decision.Law, Purpose: v.Purpose, Recipient: v.Recipient,
		Released: len(v.Decision.Resources) - len(v.Withheld), Withheld: len(v.Withheld), SHA256: v.SHA256,
	}
	var e Disclosure
	e.decided(v)
	d.Basis = e.Basis
	for _, ref := range e.What {
		if kind, _, _ := strings.Cut(ref, "/"); !has(d.Types, kind) {
			d.Types = append(d.Types, kind)
		}
	}
	for _, c := range v.Decision.Consents {
		ref, version, _ := strings.Cut(c, "@")
		kind, id, _ := strings.Cut(ref, "/")
		d.Consents = append(d.Consents, kind+"/"+opaque(kind, id)+"@"+version)
	}
	body, _ := json.Marshal(d)
	return body
}
