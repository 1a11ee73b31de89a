// Package gateway is the pipeline: Accept takes a message in, release lets one out.
// Deliver (queued) and Read (asked for) both go through release; there is no third way.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"caregate/adapters"
	"caregate/consent"
	"caregate/identity"
	"caregate/ledger"
	"caregate/policy"
	"caregate/queue"
)

// DefaultSendTimeout bounds one send, answer included.
const DefaultSendTimeout = 30 * time.Second

// GateExpiry is how long a send may hold the gate of a child. A revocation is answered
// at the latest after this time, whatever a partner does.
const GateExpiry = 10 * time.Second

// writeMargin is how long before its gate row expires a send must have written its last byte.
const writeMargin = 2 * time.Second

// Assertion is something a partner may state so that it enters decisions.
type Assertion string

// The assertions a partner's profile may grant; the default is none.
const (
	AssertIdentity       Assertion = "identity"        // which identifiers are this child's; new children
	AssertConsent        Assertion = "consent"         // Consent resources
	AssertAuthority      Assertion = "authority"       // who may consent for the child
	AssertCustody        Assertion = "custody"         // custody and placement
	AssertOrder          Assertion = "order"           // court orders
	AssertMinorStatement Assertion = "minor-statement" // that the minor is informed, or objects
	AssertLabel          Assertion = "label"           // security labels that lower
)

// Partner is one registered organisation: who it is comes from here, never from a message.
type Partner struct {
	ID         string
	Name       string
	Owner      string // who settles what waits because of it
	Recipient  consent.Recipient
	Asserts    map[Assertion]bool
	Codecs     map[string]adapters.Codec // by protocol, for what it sends
	Duplicates Duplicates
	Reads      string // purpose of use of its FHIR reads; "" refuses reads
}

// Duplicates is what a partner's profile says about a control id seen before.
type Duplicates struct {
	Window time.Duration // how long a control id stays reserved
	Flag   bool          // same id with other content: accept and flag instead of refusing
}

// Route sends one kind of message to one destination, for one purpose.
type Route struct {
	Name         string
	Kinds        []Kind        // what it carries
	Services     []string      // codes of ServiceRequest.category or code; empty: any
	From         []string      // partner ids; empty: from anyone
	To           string        // partner id
	Endpoint     string        // which endpoint of the partner; lanes are per endpoint and child
	OwnReferrals bool          // statuses only of referrals that the partner itself sent
	Purpose      string        // v3-ActReason code, registered here and never taken from the message
	Content      []string      // resource types it carries at most; empty: all
	Needs        []string      // resource types it cannot safely lack: withheld ones hold the delivery
	Urgent       bool          // ahead of the lane's other deliveries
	Expires      time.Duration // how long delivery is tried
	Codec        adapters.Codec
	Sender       adapters.Sender
}

// Hooks lets a test stop the process at a named point of the pipeline. Nil in production.
type Hooks interface {
	At(point string)
}

// Options are the parts of a Gateway; config.Build makes them.
type Options struct {
	Ledger       *ledger.Ledger
	Schedule     queue.Schedule
	Policy       *policy.Engine // the law at the start; Govern replaces it
	Labeler      *policy.Labeler
	Partners     []Partner
	Routes       []Route
	Assigners    identity.Assigners
	Jurisdiction string         // of every child of this gateway, "US-IL"
	Zone         *time.Location // the children's zone: consent dates are local days
	Implicit     string         // "deny" or "basic-normal" where no usable consent is on file
	AskWitness   bool           // forms name a witness where the law says so
	Now          func() time.Time
	Log          *slog.Logger
	Hooks        Hooks
	Workers      int           // deliveries at work at once
	SendTimeout  time.Duration // from first byte to answer
	Backoff      Backoff
	Alert        func(context.Context, Alert) error // tells who is on call of urgent deliveries that do not arrive; nil tells nobody
}

// Gateway is a running pipeline.
type Gateway struct {
	Options
	holder   string // names this process in the gate
	partners map[string]Partner
	law      atomic.Pointer[policy.Engine]
	sends    sends
	children stripes
	forms    forms
	words    *policy.Words
}

// New checks the options and returns a Gateway that has not started.
func New(o Options) (*Gateway, error) {
	o.SendTimeout = cmp.Or(o.SendTimeout, DefaultSendTimeout)
	o.Backoff = cmp.Or(o.Backoff, DefaultBackoff)
	g := &Gateway{Options: o, partners: map[string]Partner{}, holder: ledger.NewHolder()}
	g.sends.cancel = map[string]map[int]context.CancelCauseFunc{}
	var err error
	if g.words, err = policy.LoadWords(); err != nil {
		return nil, err
	}
	for _, p := range o.Partners {
		if _, twice := g.partners[p.ID]; twice {
			return nil, fmt.Errorf("partner %q is registered twice", p.ID)
		}
		g.partners[p.ID] = p
	}
	for _, r := range o.Routes {
		if _, known := g.partners[r.To]; !known {
			return nil, fmt.Errorf("route %q leads to the unregistered partner %q", r.Name, r.To)
		}
	}
	if o.Ledger == nil || o.Policy == nil || o.Labeler == nil || o.Zone == nil || o.Now == nil {
		return nil, errors.New("gateway needs a ledger, a policy engine, a labeler, a zone and a clock")
	}
	g.law.Store(o.Policy)
	return g, nil
}

// Run delivers until the context ends, then finishes what is being sent.
func (g *Gateway) Run(ctx context.Context) error {
	if err := g.sweep(ctx, true); err != nil {
		return err
	}
	var running sync.WaitGroup
	for range max(g.Workers, 1) {
		running.Go(func() { g.work(ctx) })
	}
	running.Go(func() { g.sweepUntil(ctx) })
	running.Go(func() { g.watch(ctx) })
	running.Wait()
	return nil
}

func (g *Gateway) at(point string) {
	if g.Hooks != nil {
		g.Hooks.At(point)
	}
}

func (g *Gateway) route(name string) (Route, bool) {
	for _, r := range g.Routes {
		if r.Name == name {
			return r, true
		}
	}
	return Route{}, false
}

// stripes serialise the acceptance of messages of one child, so that the state of a
// referral is read and extended without another message of the child in between.
type stripes [64]sync.Mutex

func (s *stripes) of(child string) *sync.Mutex {
	var h uint32 = 2166136261
	for i := range len(child) {
		h = (h ^ uint32(child[i])) * 16777619
	}
	return &s[h%uint32(len(s))]
}
