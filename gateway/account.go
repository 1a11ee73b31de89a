package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"caregate/ledger"
)

// Disclosure is one entry of an accounting of disclosures (45 CFR 164.528(b)(2)): when, to
// whom, what, for which purpose and by what right. Repeats of the same bytes are one entry.
type Disclosure struct {
	At        time.Time         `json:"at"`
	Partner   string            `json:"partner"`
	Name      string            `json:"name,omitempty"`
	Recipient string            `json:"recipient,omitempty"` // as registered, "Organization/x"
	Via       string            `json:"via"`                 // "delivery", "read", "explanation", "consultation"
	Receipt   string            `json:"receipt"`             // "received", "refused", "perhaps"
	What      []string          `json:"what,omitempty"`      // records; of a read their types
	Without   []string          `json:"without,omitempty"`   // elements that were taken out
	Purpose   string            `json:"purpose,omitempty"`
	Basis     []string          `json:"basis,omitempty"` // rules and their sources
	Consents  []string          `json:"consents,omitempty"`
	Law       map[string]string `json:"law,omitempty"`
	Notices   []string          `json:"notices,omitempty"` // that travelled with it
	SHA256    string            `json:"sha256"`            // of the bytes
	Sent      int               `json:"sent"`              // how often these bytes were sent
	Message   string            `json:"message"`
	Delivery  string            `json:"delivery,omitempty"`
	Key       string            `json:"key,omitempty"`
}

// How certain it is that a recipient has what was sent.
const (
	receiptReceived = "received" // the recipient took it
	receiptRefused  = "refused"  // the recipient answered no, and has read it
	receiptPerhaps  = "perhaps"  // no answer came, or a repeat is under way
)

// Account returns every disclosure of a child, oldest first, from the ledger alone: what
// was delivered or may have been, what was read, what was explained to somebody outside.
// Asking for it is audited.
func (g *Gateway) Account(ctx context.Context, child string) ([]Disclosure, error) {
	messages, err := g.Ledger.MessagesOf(ctx, child)
	if err != nil {
		return nil, err
	}
	if len(messages) == 0 {
		return nil, ledger.ErrNotFound
	}
	all := []Disclosure{}
	for _, id := range messages {
		deliveries, err := g.Ledger.Deliveries(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, d := range deliveries {
			sent, err := g.disclosedBy(ctx, d)
			if err != nil {
				return nil, err
			}
			all = append(all, sent...)
		}
		asked, err := g.disclosedOnRequest(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, asked...)
	}
	consulted, err := g.Ledger.EventsOf(ctx, child)
	if err != nil {
		return nil, err
	}
	all = append(all, g.onRequest(consulted, map[string]string{"consult": "consultation"})...)
	if err := g.Ledger.Log(ctx, ledger.Event{Kind: "accounted", Partner: "operator", Child: child, Outcome: "0"}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Disclosure) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Partner, b.Partner))
	})
	return all, nil
}

// disclosedBy lists what one delivery brought to its destination, once for the same release.
func (g *Gateway) disclosedBy(ctx context.Context, d ledger.Delivery) ([]Disclosure, error) {
	attempts, err := g.Ledger.Attempts(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	partner, _, _ := strings.Cut(d.Destination, ".")
	var all []Disclosure
	for _, a := range attempts {
		if a.State == ledger.AttemptDeclined {
			continue
		}
		receipt := receiptOf(a)
		if n := len(all); n > 0 && all[n-1].Key == a.Key {
			all[n-1].Sent++
			all[n-1].Receipt = surer(all[n-1].Receipt, receipt)
			continue
		}
		e := Disclosure{
			At: a.Intended, Partner: partner, Name: g.partners[partner].Name, Via: "delivery", Receipt: receipt,
			SHA256: a.SHA256, Sent: 1, Message: d.Message, Delivery: d.ID, Key: a.Key,
		}
		var v verdict
		if len(a.DecisionBody) > 0 && json.Unmarshal(a.DecisionBody, &v) == nil { // gone once the child was expunged
			e.decided(&v)
			e.Recipient = g.partners[partner].Recipient.Ref
		}
		all = append(all, e)
	}
	return all, nil
}

// receiptOf says of one attempt what is known of its arrival. A partner that could not be
// reached may still have read some of it, so only an answer makes it certain.
func receiptOf(a ledger.Attempt) string {
	switch {
	case a.State == ledger.AttemptCompleted:
		return receiptReceived
	case a.Answer != "":
		return receiptRefused
	}
	return receiptPerhaps
}

func surer(a, b string) string {
	for _, receipt := range []string{receiptReceived, receiptRefused} {
		if a == receipt || b == receipt {
			return receipt
		}
	}
	return receiptPerhaps
}

// decided fills in what went, why, and under which consents and law.
func (e *Disclosure) decided(v *verdict) {
	scrubbed := map[string]bool{}
	for _, ref := range v.Scrubbed {
		scrubbed[ref] = true
	}
	for _, rd := range v.Decision.Resources {
		if rd.Withheld || scrubbed[rd.Ref] {
			continue
		}
		e.What = append(e.What, rd.Ref)
		for _, r := range rd.Reasons {
			basis := r.Rule
			if r.Cite != "" {
				basis += " (" + r.Cite + ")"
			}
			if !has(e.Basis, basis) {
				e.Basis = append(e.Basis, basis)
			}
		}
	}
	for _, o := range v.Decision.Obligations {
		if o.TextRef != "" {
			e.Notices = append(e.Notices, o.TextRef)
		}
	}
	slices.Sort(e.Basis)
	e.Without, e.Purpose, e.Consents, e.Law = v.Elements, v.Purpose, v.Decision.Consents, v.Decision.Law
}

// disclosedOnRequest lists what was given to who asked: reads, and explanations.
func (g *Gateway) disclosedOnRequest(ctx context.Context, message string) ([]Disclosure, error) {
	rows, err := g.Ledger.Events(ctx, message)
	if err != nil {
		return nil, err
	}
	return g.onRequest(rows, map[string]string{"read": "read", "told": "explanation"}), nil
}

// onRequest lists the events in which something was given to who asked, by what they are called.
func (g *Gateway) onRequest(rows []ledger.AuditRow, called map[string]string) []Disclosure {
	var all []Disclosure
	for _, row := range rows {
		via := called[row.Kind]
		if via == "" || row.Outcome != "0" {
			continue
		}
		var said auditedDecision
		_ = json.Unmarshal(row.Body, &said) // an entry that cannot be read is still an entry
		all = append(all, Disclosure{
			At: row.At, Partner: row.Partner, Name: g.partners[row.Partner].Name, Recipient: g.partners[row.Partner].Recipient.Ref,
			Via: via, Receipt: receiptPerhaps, What: said.Types, Purpose: said.Purpose, Basis: said.Basis,
			Consents: said.Consents, Law: said.Law, SHA256: said.SHA256, Sent: 1, Message: row.Message,
		})
	}
	return all
}
