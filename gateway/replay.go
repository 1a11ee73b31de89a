package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"caregate/ledger"
	"caregate/policy"
)

// Replayed is a recorded decision made again: nothing is sent, nothing is stored.
type Replayed struct {
	Delivery    string    `json:"delivery"`
	Message     string    `json:"message"`
	Child       string    `json:"child"` // our id
	Destination string    `json:"destination"`
	Route       string    `json:"route"`
	AsOf        time.Time `json:"asOf"` // instant of the recorded decision
	Was         string    `json:"was"`  // effect of the recorded decision
	Is          string    `json:"is"`
	Released    []Change  `json:"released,omitempty"` // what would go, and did not
	Withheld    []Change  `json:"withheld,omitempty"` // what would stay, and did not
	Drifted     bool      `json:"drifted,omitempty"`  // the recorded law itself answers otherwise today: routes or registrations have changed
}

// Change is one resource, or element of one, about which the answers differ, and why as it would be.
type Change struct {
	Resource string `json:"resource"`
	Element  string `json:"element,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Code     string `json:"code,omitempty"`
	Cite     string `json:"cite,omitempty"`
}

// Changed reports whether anything would go or stay that did not.
func (r Replayed) Changed() bool { return len(r.Released)+len(r.Withheld) > 0 }

// ErrNotReplayable means that a delivery has no decision that can be made again: none was
// recorded yet, its child was expunged, or its route is gone.
var ErrNotReplayable = errors.New("no decision of it can be replayed")

// Replay is how decisions of the past are made again.
type Replay struct {
	// By is the law to try; nil the law that decided.
	By *policy.Engine
	// Kept returns the law of a recorded decision by its revisions, as it was kept.
	Kept func(ctx context.Context, revisions map[string]string) (*policy.Engine, error)
	// At is the instant to decide for; zero that of the recorded decision.
	At time.Time
}

// Replay makes the last recorded decision of a delivery again, over the facts that counted
// when it was recorded. It first asks the law that decided: where that answers as recorded,
// every difference is the new law's (or the new instant's); else the difference is to its answer of today.
func (g *Gateway) Replay(ctx context.Context, d ledger.Delivery, how Replay) (Replayed, error) {
	recorded, at, err := g.recorded(ctx, d.ID)
	if err != nil {
		return Replayed{}, err
	}
	route, known := g.route(d.Route)
	if !known {
		return Replayed{}, fmt.Errorf("%w: the route %s is gone", ErrNotReplayable, d.Route)
	}
	old, err := how.Kept(ctx, recorded.Decision.Law)
	if err != nil {
		return Replayed{}, fmt.Errorf("%w: %w", ErrNotReplayable, err)
	}
	again, err := g.rejudge(ctx, d, route, old, recorded.AsOf, at)
	if err != nil {
		return Replayed{}, err
	}
	// The facts that counted were read between the decision's instant and its record: what was
	// filed within the millisecond of the record may have come after it.
	if want := recorded.digestOf(route); again.digest != want {
		earlier, err := g.rejudge(ctx, d, route, old, recorded.AsOf, recorded.AsOf)
		if err == nil && earlier.digest == want {
			again, at = earlier, recorded.AsOf
		}
	}
	r := Replayed{
		Delivery: d.ID, Message: d.Message, Destination: d.Destination, Route: d.Route, AsOf: recorded.AsOf,
		Was: recorded.Decision.Effect, Drifted: again.digest != recorded.digestOf(route),
	}
	if len(d.Subjects) > 0 {
		r.Child = d.Subjects[0]
	}
	next := again
	if how.By != nil || !how.At.IsZero() {
		instant, by := how.At, how.By
		if instant.IsZero() {
			instant = recorded.AsOf
		}
		if by == nil {
			by = old
		}
		if next, err = g.rejudge(ctx, d, route, by, instant, at); err != nil {
			return r, err
		}
		r.compare(again, next)
	} else {
		r.compare(&recorded, again)
	}
	r.Is = next.Decision.Effect
	return r, nil
}

// recorded is the last decision of a delivery and the instant of its record.
func (g *Gateway) recorded(ctx context.Context, delivery string) (v verdict, at time.Time, err error) {
	attempts, err := g.Ledger.Attempts(ctx, delivery)
	if err != nil {
		return v, at, err
	}
	for _, a := range slices.Backward(attempts) {
		if len(a.DecisionBody) > 0 && json.Unmarshal(a.DecisionBody, &v) == nil && len(v.Decision.Law) > 0 {
			return v, a.Intended, nil
		}
	}
	return v, at, ErrNotReplayable
}

// digestOf is the digest that a recorded decision has on a route of today.
func (v *verdict) digestOf(r Route) string { return digest(v.Decision.Digest(), r) }

// rejudge decides a delivery by some law as of one instant, over the facts that stood at another.
func (g *Gateway) rejudge(ctx context.Context, d ledger.Delivery, route Route, law *policy.Engine, asOf, facts time.Time) (*verdict, error) {
	a, err := g.ask(ctx, d, route)
	if errors.Is(err, ledger.ErrExpunged) || errors.Is(err, ledger.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", ErrNotReplayable, err)
	}
	if err != nil {
		return nil, err
	}
	inputs, err := g.Ledger.InputsAt(ctx, a.child, facts)
	if errors.Is(err, ledger.ErrExpunged) {
		return nil, fmt.Errorf("%w: %w", ErrNotReplayable, err)
	}
	if err != nil {
		return nil, err
	}
	v := &verdict{Purpose: route.Purpose, Recipient: route.To, AsOf: asOf, law: law}
	g.apply(ctx, a, v, inputs)
	return v, nil
}

// compare notes what goes or stays under one verdict and not under another.
func (r *Replayed) compare(before, after *verdict) {
	r.Released = differences(before, after, after)
	r.Withheld = differences(after, before, after)
}

// differences lists what a verdict keeps back and another does not, with the reasons of the one that explains.
func differences(keeps, other, explains *verdict) []Change {
	var list []Change
	for _, ref := range keeps.Withheld {
		if !slices.Contains(other.Withheld, ref) {
			list = append(list, explains.change(ref, ""))
		}
	}
	for _, res := range keeps.Decision.Resources {
		for _, element := range res.Redact {
			if !slices.Contains(other.Elements, res.Ref+"#"+element) && !slices.Contains(other.Withheld, res.Ref) {
				list = append(list, explains.change(res.Ref, element))
			}
		}
	}
	return list
}

func (v *verdict) change(ref, element string) Change {
	c := Change{Resource: ref, Element: element}
	for _, res := range v.Decision.Resources {
		if res.Ref == ref && len(res.Reasons) > 0 {
			c.Rule, c.Code, c.Cite = res.Reasons[0].Rule, res.Reasons[0].Code, res.Reasons[0].Cite
		}
	}
	return c
}
