package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/identity"
	"caregate/ledger"
	"caregate/policy"
)

// Explanation says what became of one message, for an engineer or a privacy officer of
// this gateway. To anybody else an explanation is a release and is not made here.
type Explanation struct {
	Message      string           `json:"message"`
	Partner      string           `json:"partner"`
	ControlID    string           `json:"controlId,omitempty"`
	Event        string           `json:"event,omitempty"`
	Protocol     string           `json:"protocol"`
	Received     time.Time        `json:"received"`
	State        string           `json:"state"`
	Code         string           `json:"code"`
	Child        string           `json:"child,omitempty"`
	Flagged      bool             `json:"flagged,omitempty"`
	RawSHA256    string           `json:"rawSha256"`
	Issues       []adapters.Issue `json:"issues,omitempty"`
	Work         []WorkItem       `json:"work,omitempty"`
	Destinations []Destination    `json:"destinations"`
}

// Destination is the story of one delivery.
type Destination struct {
	Delivery    string    `json:"delivery"`
	Destination string    `json:"destination"`
	Route       string    `json:"route"`
	State       string    `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	Due         time.Time `json:"due,omitzero"`
	Attempts    []Attempt `json:"attempts"`
}

// Attempt is one decision and, where it released something, one send.
type Attempt struct {
	N         int                       `json:"n"`
	At        time.Time                 `json:"at"`
	Recorded  time.Time                 `json:"recorded,omitzero"`
	State     string                    `json:"state"`
	Answer    string                    `json:"answer,omitempty"`
	Code      string                    `json:"code,omitempty"`
	Key       string                    `json:"key,omitempty"`
	ControlID string                    `json:"controlId,omitempty"`
	Release   int                       `json:"release"`
	SHA256    string                    `json:"sha256,omitempty"`
	Purpose   string                    `json:"purpose,omitempty"`
	Effect    string                    `json:"effect,omitempty"`
	Law       map[string]string         `json:"law,omitempty"`
	Consents  []string                  `json:"consents,omitempty"`
	Facts     []Fact                    `json:"facts,omitempty"`
	OffRoute  []string                  `json:"offRoute,omitempty"`
	Scrubbed  []string                  `json:"scrubbed,omitempty"`
	Missing   string                    `json:"missing,omitempty"`
	Problem   string                    `json:"problem,omitempty"`
	Resources []policy.ResourceDecision `json:"resources,omitempty"`
}

// Find returns the messages an id stands for: ours, PARTNER/MSH-10, a placer number, a
// Bundle.identifier, FILE:ROW, or a key or control id that we sent. Oldest first.
func (g *Gateway) Find(ctx context.Context, id string) ([]string, error) {
	for _, kind := range []string{"id", "control", "placer", "bundle", "file", "outbound"} {
		found, err := g.Ledger.FindMessages(ctx, kind, id)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, ledger.ErrNotFound
}

// Child returns our id of a child, from our id or from "SYSTEM|VALUE".
func (g *Gateway) Child(ctx context.Context, name string) (string, error) {
	system, value, pair := strings.Cut(name, "|")
	if !pair {
		return name, nil
	}
	found, err := g.Ledger.FindChild(ctx, [][]byte{identity.Term(system, value)})
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", ledger.ErrNotFound
	}
	return found[0].Child, nil
}

// Explain tells what became of a message, from the ledger alone.
func (g *Gateway) Explain(ctx context.Context, message string) (Explanation, error) {
	m, err := g.Ledger.Message(ctx, message)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{
		Message: m.ID, Partner: m.Partner, ControlID: m.ControlID, Event: m.Event, Protocol: m.Protocol, Received: m.Received,
		State: m.State, Code: m.Code, Child: m.Child, Flagged: m.Flagged, RawSHA256: m.RawSHA256, Destinations: []Destination{},
	}
	if issues, err := g.Ledger.Issues(ctx, message); err == nil && issues != nil {
		_ = json.Unmarshal(issues, &e.Issues) // what cannot be read here stays in the ledger
	}
	if e.Work, err = g.workOf(ctx, message); err != nil {
		return e, err
	}
	deliveries, err := g.Ledger.Deliveries(ctx, message)
	if err != nil {
		return e, err
	}
	for _, d := range deliveries {
		story, err := g.destination(ctx, d)
		if err != nil {
			return e, err
		}
		e.Destinations = append(e.Destinations, story)
	}
	return e, nil
}

func (g *Gateway) destination(ctx context.Context, d ledger.Delivery) (Destination, error) {
	story := Destination{Delivery: d.ID, Destination: d.Destination, Route: d.Route, State: d.State, Reason: d.Reason, Attempts: []Attempt{}}
	if d.State == ledger.DeliveryPending {
		story.Due = d.Due
	}
	attempts, err := g.Ledger.Attempts(ctx, d.ID)
	if err != nil {
		return story, err
	}
	for _, a := range attempts {
		story.Attempts = append(story.Attempts, attempt(a))
	}
	return story, nil
}

func attempt(a ledger.Attempt) Attempt {
	out := Attempt{
		N: a.N, At: a.Intended, Recorded: a.Recorded, State: a.State, Answer: a.Answer, Code: a.Code,
		Key: a.Key, ControlID: a.ControlID, Release: a.Release, SHA256: a.SHA256,
	}
	var v verdict
	if len(a.DecisionBody) == 0 || json.Unmarshal(a.DecisionBody, &v) != nil {
		return out
	}
	out.Purpose, out.Effect, out.Law, out.Consents = v.Purpose, v.Decision.Effect, v.Decision.Law, v.Decision.Consents
	out.OffRoute, out.Scrubbed, out.Missing, out.Problem = v.OffRoute, v.Scrubbed, v.Missing, v.Problem
	out.Resources, out.Facts = slices.Clone(v.Decision.Resources), v.Facts
	return out
}

// Word puts the reasons of an explanation into words for an engineer or the privacy officer
// of this gateway. What anybody else is told is made by Tell.
func (g *Gateway) Word(e *Explanation, reader, lang string) {
	for i := range e.Destinations {
		for _, a := range e.Destinations[i].Attempts {
			for j := range a.Resources {
				rd := &a.Resources[j]
				for k, r := range rd.Reasons {
					rd.Reasons[k].Words = g.words.Sentence(lang, policy.Reader(reader), r, rd.Withheld || r.Code == "address-confidential")
				}
			}
		}
	}
}
