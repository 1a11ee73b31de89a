package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"caregate/adapters"
	"caregate/gateway"
	"caregate/ledger"
	"caregate/policy"
)

// WhatIf is what a replay of the recorded decisions is asked.
type WhatIf struct {
	Law         string    // directory or .tar.gz; "" the law that decided
	Bundles     []string  // that decide; nil those of the configuration
	At          time.Time // instant to decide for; zero that of each decision
	Child       string    // only of this child (our id); "" of all
	Destination string    // only to this destination; "" to all
	Operator    string    // who asks, for the audit log
}

// WhatIfAnswer is what would change. It names children by our ids.
type WhatIfAnswer struct {
	Law           map[string]string  `json:"law,omitempty"` // revision tried; none where each decision was replayed by its own
	Decisions     int                `json:"decisions"`     // replayed
	Reproduced    int                `json:"reproduced"`    // of those, the recorded law answers today as it did
	NotReplayable int                `json:"notReplayable"`
	Changed       int                `json:"changed"`
	Released      int                `json:"released"` // resources and elements that would go, and did not
	Withheld      int                `json:"withheld"` // that would stay, and did not
	Children      []string           `json:"children"` // for whom something changes
	Destinations  map[string]int     `json:"destinations"`
	Changes       []gateway.Replayed `json:"changes"`
}

// OpenForReplay opens the ledger with the routes and registrations of a configuration. What it
// returns decides nothing: it only replays.
func OpenForReplay(ctx context.Context, c Config, o BuildOptions) (*App, error) {
	a, err := Open(ctx, c, o)
	if err != nil {
		return nil, err
	}
	g := &generation{config: c, engine: new(policy.Engine), senders: map[string]adapters.Sender{}}
	if g.gateway, err = a.gateway(g); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.current.Store(g)
	return a, nil
}

// WhatIf replays the recorded decisions. Nothing is sent; nothing is stored but one audit row
// that says who looked.
func (a *App) WhatIf(ctx context.Context, q WhatIf) (WhatIfAnswer, error) {
	answer := WhatIfAnswer{Children: []string{}, Destinations: map[string]int{}, Changes: []gateway.Replayed{}}
	how := gateway.Replay{At: q.At, Kept: a.keptEngines()}
	if q.Law != "" {
		var err error
		if how.By, err = a.lawToTry(ctx, q); err != nil {
			return answer, err
		}
		answer.Law = how.By.Revision()
	}
	if err := a.noteWhatIf(ctx, q, answer.Law); err != nil {
		return answer, err
	}
	deliveries, err := a.ledger.FindDeliveries(ctx, ledger.DeliveryFilter{Destination: q.Destination, Subject: q.Child})
	if err != nil {
		return answer, err
	}
	for _, d := range deliveries {
		if err := a.replay(ctx, &answer, d, how); err != nil {
			return answer, err
		}
	}
	slices.Sort(answer.Children)
	answer.Children = slices.Compact(answer.Children)
	return answer, nil
}

func (a *App) replay(ctx context.Context, answer *WhatIfAnswer, d ledger.Delivery, how gateway.Replay) error {
	r, err := a.Gateway().Replay(ctx, d, how)
	if errors.Is(err, gateway.ErrNotReplayable) {
		answer.NotReplayable++
		return nil
	}
	if err != nil {
		return fmt.Errorf("replay of %s: %w", d.ID, err)
	}
	answer.Decisions++
	if !r.Drifted {
		answer.Reproduced++
	}
	if !r.Changed() {
		return nil
	}
	answer.Changed++
	answer.Released += len(r.Released)
	answer.Withheld += len(r.Withheld)
	answer.Children = append(answer.Children, r.Child)
	answer.Destinations[r.Destination]++
	answer.Changes = append(answer.Changes, r)
	return nil
}

// lawToTry compiles and tries law from disk, as an activation would, except that nobody has to have signed it.
func (a *App) lawToTry(ctx context.Context, q WhatIf) (*policy.Engine, error) {
	own, base, err := lawAt(q.Law)
	if err != nil {
		return nil, err
	}
	names := q.Bundles
	if names == nil {
		names = a.current.Load().config.Site.Law
	}
	return own.Activate(ctx, base, names, nil, policy.Limits{})
}

func (a *App) noteWhatIf(ctx context.Context, q WhatIf, law map[string]string) error {
	body, err := json.Marshal(struct {
		Operator string            `json:"operator"`
		Law      map[string]string `json:"law,omitempty"`
		At       time.Time         `json:"at,omitzero"`
	}{q.Operator, law, q.At})
	if err != nil {
		return err
	}
	return a.ledger.Log(ctx, ledger.Event{Kind: "what-if", Partner: OperatorID, Child: q.Child, Outcome: "0", Body: body})
}

// keptEngines returns the law of recorded decisions; each revision is compiled once.
func (a *App) keptEngines() func(context.Context, map[string]string) (*policy.Engine, error) {
	type kept struct {
		engine *policy.Engine
		err    error
	}
	var mu sync.Mutex
	known := map[string]kept{}
	return func(ctx context.Context, revisions map[string]string) (*policy.Engine, error) {
		name := fmt.Sprint(revisions) // fmt sorts the keys of a map
		mu.Lock()
		defer mu.Unlock()
		k, compiled := known[name]
		if !compiled {
			k.engine, k.err = a.replayEngine(ctx, revisions)
			known[name] = k
		}
		return k.engine, k.err
	}
}

// Instant reads a day, which stands for its noon where the children live, or an instant
// (RFC 3339); "" is the zero time.
func (a *App) Instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	zone, err := time.LoadLocation(a.current.Load().config.Site.Zone)
	if err != nil {
		return time.Time{}, err
	}
	day, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return time.Time{}, errors.New("a date is written 2027-01-31, an instant 2027-01-31T12:00:00Z")
	}
	return day.Add(12 * time.Hour), nil
}
