package config

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"caregate/ledger"
	"caregate/policy"
)

// LawStatus says which law decides, and which was refused.
type LawStatus struct {
	Revision    map[string]string `json:"revision"` // bundle -> revision in force
	Since       time.Time         `json:"since"`
	Activations int               `json:"activations"`       // since the start
	Refusals    int               `json:"refusals"`          // since the start
	Refused     string            `json:"refused,omitempty"` // why the law on disk is not in force; "" while it is
	RefusedAt   time.Time         `json:"refusedAt,omitzero"`
}

// lawState is what the App remembers of law. tried is the hash of what was last read, so that
// the same broken law is tried and reported once.
type lawState struct {
	mu     sync.Mutex
	status LawStatus
	tried  string
}

// Law says which law decides, and which was refused.
func (a *App) Law() LawStatus {
	a.lawState.mu.Lock()
	defer a.lawState.mu.Unlock()
	return a.lawState.status
}

// triedLaw is law that nothing is wrong with and whose bytes are kept.
type triedLaw struct {
	engine *policy.Engine
	own    []string // bundles from disk
	hash   string   // of what was read
}

// lawFor is the law of a configuration that is being built; tried is nil where it decides
// already. Where the law on disk cannot come into force, the law that decided before goes on,
// provided that it is of the same bundles: at a reload that of the previous generation, at a
// start the last that was activated.
func (a *App) lawFor(ctx context.Context, c Config, previous *generation) (engine *policy.Engine, tried *triedLaw, err error) {
	same := previous != nil && slices.Equal(previous.config.Site.Law, c.Site.Law)
	own, base, err := c.law()
	hash := c.lawHash(own, base)
	if same && err == nil && hash == a.lawState.hash() {
		return previous.engine, nil, nil
	}
	if err == nil {
		tried, err = a.tryLaw(ctx, c, own, base)
	}
	if err == nil {
		return tried.engine, tried, nil
	}
	a.refused(ctx, err, hash)
	switch {
	case same:
		return previous.engine, nil, nil
	case previous == nil && c.Site.LawFrom != nil:
		if last, lastErr := a.lastLaw(ctx, c, base); lastErr == nil {
			a.options.Log.Warn("the last law that was activated decides", slog.Any("law", last.Revision()))
			a.lawState.resume(last, a.options.Now())
			return last, nil, nil
		}
	}
	return nil, nil, err
}

func (s *lawState) hash() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried
}

// lawHash tells apart what would be tried: the law, which bundles decide, and the key that
// verifies them. Another key is another law: what it does not verify must not decide.
func (c Config) lawHash(own, base policy.Files) string {
	hash := own.Hash() + base.Hash() + fmt.Sprint(c.Site.Law)
	if c.Site.LawFrom == nil || c.Site.LawFrom.Key == "" {
		return hash
	}
	key, err := os.ReadFile(c.path(c.Site.LawFrom.Key))
	return hash + fmt.Sprintf("%x %t", sha256.Sum256(key), err == nil)
}

// tryLaw does all that comes before an activation: signatures, checks, tests, golden cases. It
// keeps the bytes, so that decisions can be replayed: law that cannot be kept does not decide.
func (a *App) tryLaw(ctx context.Context, c Config, own, base policy.Files) (*triedLaw, error) {
	verifier, err := c.lawVerifier()
	if err != nil {
		return nil, err
	}
	e, err := own.Activate(ctx, base, c.Site.Law, verifier, policy.Limits{})
	if err != nil {
		return nil, err
	}
	if err := a.keepLaw(e); err != nil {
		return nil, fmt.Errorf("the law cannot be kept for replay: %w", err)
	}
	return &triedLaw{e, own.Bundles(), c.lawHash(own, base)}, nil
}

// activated records that law decides now. A restart, or a command beside a running gateway, is
// no activation. What cannot be recorded is only said: without a ledger nothing is decided anyway.
func (a *App) activated(ctx context.Context, t *triedLaw) {
	if t == nil {
		return
	}
	a.lawState.inForce(t, a.options.Now())
	err := a.settleLawWork(ctx)
	if revision := t.engine.Revision(); !maps.Equal(a.lastActive().Law, revision) {
		body, _ := json.Marshal(map[string]map[string]string{"law": revision})
		err = errors.Join(err,
			a.ledger.Log(ctx, ledger.Event{Kind: "law-activated", Partner: OperatorID, Outcome: "0", Body: body}),
			a.nowActive(t.engine, t.own))
		a.options.Log.Info("law activated", slog.Any("law", revision))
	}
	if err != nil {
		a.options.Log.Error("the activation of law is not recorded", slog.Any("error", err))
	}
}

func (s *lawState) inForce(t *triedLaw, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = t.hash
	s.status.Activations++
	s.status.Revision, s.status.Since = t.engine.Revision(), now
	s.status.Refused, s.status.RefusedAt = "", time.Time{}
}

// resume says that law which was activated before decides while the one on disk stays refused.
func (s *lawState) resume(e *policy.Engine, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Revision, s.status.Since = e.Revision(), now
}

// workLawRefused is a work item that the next activation settles.
const workLawRefused = "law-refused"

// refused says everywhere why law did not come into force: log, audit, work list, readiness.
func (a *App) refused(ctx context.Context, why error, tried string) {
	s := &a.lawState
	s.mu.Lock()
	again := s.tried == tried && s.status.Refused == why.Error()
	s.tried = tried
	s.status.Refusals++
	s.status.Refused, s.status.RefusedAt = why.Error(), a.options.Now()
	s.mu.Unlock()
	if again {
		return
	}
	a.options.Log.Error("law refused, the law in force stays", slog.String("problem", why.Error()))
	body, _ := json.Marshal(map[string]string{"problem": why.Error()})
	err := a.ledger.Log(ctx, ledger.Event{Kind: workLawRefused, Partner: OperatorID, Outcome: "8", Body: body})
	if settled := a.settleLawWork(ctx); err == nil {
		err = settled
	}
	if err == nil {
		_, err = a.ledger.AddWork(ctx, ledger.NewWork{
			Kind: workLawRefused, Owner: OperatorID,
			Remedy: "law was refused and does not decide: " + why.Error() + "; correct it, and it is tried again by itself",
		}, "", "")
	}
	if err != nil {
		a.options.Log.Error("the refusal of law is not recorded", slog.Any("error", err))
	}
}

// settleLawWork closes the items about law that was refused before.
func (a *App) settleLawWork(ctx context.Context) error {
	open, err := a.ledger.WorkItems(ctx, ledger.WorkOpen)
	for _, w := range open {
		if w.Kind == workLawRefused {
			if settled := a.ledger.ResolveWork(ctx, w.ID, "other law was tried", nil); !errors.Is(settled, ledger.ErrStale) {
				err = errors.Join(err, settled)
			}
		}
	}
	return err
}

// ReloadLaw reads the law again and puts it in force when nothing is wrong with it; otherwise
// the law in force stays, and the error says why. The same law is not tried twice. It returns
// when nothing decided by the old law can still leave.
func (a *App) ReloadLaw(ctx context.Context) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	g := a.current.Load()
	if a.ended {
		return errEnding
	}
	own, base, err := g.config.law()
	hash := g.config.lawHash(own, base)
	if err == nil && hash == a.lawState.hash() {
		return a.standing()
	}
	var tried *triedLaw
	if err == nil {
		tried, err = a.tryLaw(ctx, g.config, own, base)
	}
	if err != nil {
		a.refused(ctx, err, hash)
		return err
	}
	g.engine = tried.engine
	a.activated(ctx, tried)
	g.gateway.Govern(ctx, tried.engine)
	return nil
}

// standing answers for law that was tried before.
func (a *App) standing() error {
	if why := a.Law().Refused; why != "" {
		return errors.New(why)
	}
	return nil
}

var errEnding = errors.New("the gateway is ending")

// watchLaw looks at the law on disk until the context ends. What changes is tried once it has
// been the same at two looks: files that are still being copied are not law yet.
func (a *App) watchLaw(ctx context.Context) {
	seen := a.lawState.hash()
	for {
		c := a.current.Load().config
		poll := 10 * time.Second
		if c.Site.LawFrom != nil {
			poll = c.Site.LawFrom.Poll
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(poll):
		}
		if c.Site.LawFrom == nil {
			continue
		}
		own, base, _ := c.law() // what cannot be read is tried too, and refused with its reason
		now := c.lawHash(own, base)
		if now == seen && now != a.lawState.hash() {
			_ = a.ReloadLaw(context.WithoutCancel(ctx)) // it says itself why it refuses
		}
		seen = now
	}
}
