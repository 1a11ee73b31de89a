package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/ledger"
	"caregate/queue"
)

// deliveriesPerLease is how many heads of a lane one lease may send before others get their turn.
const deliveriesPerLease = 16

// work claims lanes and delivers their heads until the context ends.
func (g *Gateway) work(ctx context.Context) {
	for {
		lease, err := g.Schedule.Claim(ctx)
		if err != nil {
			return
		}
		g.at("leased")
		g.Deliver(context.WithoutCancel(ctx), lease)
	}
}

// Deliver sends the oldest deliveries of a leased lane, each decided at this instant, and gives the lease back.
func (g *Gateway) Deliver(ctx context.Context, lease queue.Lease) {
	var due time.Time
	for range deliveriesPerLease {
		head, err := g.Ledger.Head(ctx, lease.Lane)
		if errors.Is(err, ledger.ErrNotFound) {
			due = time.Time{}
			break
		}
		if err != nil {
			g.Log.Error("lane not read", slog.String("destination", lease.Destination), slog.Any("error", err))
			due = g.Now().Add(time.Second)
			break
		}
		if due = head.Due; due.After(g.Now()) {
			break
		}
		g.deliver(ctx, lease, head)
		due = g.Now()
	}
	if err := g.Schedule.Release(ctx, lease, due); err != nil && !errors.Is(err, queue.ErrLost) {
		g.Log.Warn("lease not given back, it will expire", slog.Any("error", err))
	}
}

// deliver is one attempt: release (which records the intent), send, record the outcome.
func (g *Gateway) deliver(ctx context.Context, lease queue.Lease, d ledger.Delivery) {
	route, known := g.route(d.Route)
	if !known {
		g.decline(ctx, d, nil, ledger.DeliveryHeld, adapters.CodeConfiguration, "no route of this name is configured any more")
		return
	}
	if !d.Expires.IsZero() && g.Now().After(d.Expires) {
		g.decline(ctx, d, nil, ledger.DeliveryFailed, adapters.CodeTimeout, "not delivered before it expired")
		return
	}
	sendCtx, stop := g.sends.begin(ctx, d.Subjects, g.SendTimeout)
	defer stop()
	a, err := g.ask(ctx, d, route)
	if err != nil {
		g.postpone(ctx, d, err)
		return
	}
	var token int64
	permit, verdict, err := g.release(ctx, a, func(ctx context.Context, v *verdict) (adapters.Release, error) {
		released, err := g.intend(ctx, d, a, v)
		token = released.token
		return released.Release, err
	})
	if err != nil {
		g.unreleased(ctx, d, verdict, err)
		return
	}
	g.at("intended")
	keep := g.keepLease(sendCtx, lease)
	receipt, err := route.Sender.Send(sendCtx, permit)
	keep()
	g.at("sent")
	g.record(ctx, d, token, next(d, receipt, err, g.Now(), g.Backoff))
}

// ask gathers what is to be released: the stored message, on behalf of this delivery.
func (g *Gateway) ask(ctx context.Context, d ledger.Delivery, route Route) (*asked, error) {
	msg, err := g.Ledger.Message(ctx, d.Message)
	if err != nil {
		return nil, err
	}
	kind, bundle, err := g.stored(ctx, d.Message)
	if err != nil {
		return nil, err
	}
	var origin ledger.Message
	if kind == KindStatus {
		if origin, err = g.originOf(ctx, msg.Child, loopsOf(bundle), ""); err != nil {
			return nil, err
		}
	}
	release := max(d.Release, 1)
	return &asked{
		route: route, child: msg.Child, bundle: bundle, request: requestTypeOf(bundle),
		out: adapters.Outbound{
			Key: keyOf(d.ID, release), ControlID: controlIDOf(d.ID, release), Event: msg.Event, Kind: string(kind), ReplyTo: toldID(origin), Created: d.Created,
			Origin: adapters.Origin{Partner: msg.Partner, ControlID: toldID(msg), Placer: placerOf(bundle)},
		},
	}, nil
}

// toldID is the id under which others are told of a message. Where its sender gave none, the
// control id was computed from all of its bytes: told to somebody who may have a part of
// them only, it would prove a guess at the rest.
func toldID(m ledger.Message) string {
	if m.ControlID != "" && strings.HasPrefix(m.RawSHA256, m.ControlID) {
		return m.ID
	}
	return m.ControlID
}

// placerOf returns the placer number of the order, which every destination is told.
func placerOf(bundle *fhir.Node) string {
	for _, r := range fhir.Entries(bundle) {
		if t := r.ResourceType(); t == "ServiceRequest" || t == "Task" {
			for _, id := range r.Get("identifier").Items() {
				if id.At("type.coding[0].code").Text() == "PLAC" {
					return id.Get("value").Text()
				}
			}
		}
	}
	return ""
}

// unreleased ends an attempt for which release made no permit.
func (g *Gateway) unreleased(ctx context.Context, d ledger.Delivery, v *verdict, err error) {
	switch {
	case errors.Is(err, ledger.ErrStale), errors.Is(err, ledger.ErrToken):
		// A decision input changed, or another process took over, while we decided: the next turn decides anew.
	case errors.Is(err, errFault):
		g.decline(ctx, d, v, ledger.DeliveryHeld, adapters.CodeInternal, err.Error())
	case errors.Is(err, errDenied), errors.Is(err, errNothing), errors.Is(err, errRefused):
		g.decline(ctx, d, v, ledger.DeliveryDenied, adapters.CodeForbidden, err.Error())
	case errors.Is(err, errHeld), errors.Is(err, errRender), errors.Is(err, errUnapproved):
		g.decline(ctx, d, v, ledger.DeliveryHeld, adapters.CodeHeld, err.Error())
	default:
		g.postpone(ctx, d, err)
	}
}

// keepLease extends the lease while a partner takes its time; the returned function ends that.
func (g *Gateway) keepLease(ctx context.Context, lease queue.Lease) func() {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(max(lease.Until.Sub(g.Now())/3, 100*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				extended, err := g.Schedule.Extend(ctx, lease)
				if err != nil {
					return
				}
				lease = extended
			}
		}
	}()
	return cancel
}

// sends are the deliveries that are leaving right now, by child, so that a revocation can stop them.
type sends struct {
	sync.Mutex
	cancel map[string]map[int]context.CancelCauseFunc
	next   int
}

// errRevoked is why a send was cut off: a decision input of the child changed.
var errRevoked = errors.New("a decision input changed while sending")

// begin registers a send before it is decided, so that no change of an input can slip between.
func (s *sends) begin(ctx context.Context, children []string, timeout time.Duration) (context.Context, func()) {
	ctx, stopTimer := context.WithTimeout(ctx, timeout)
	ctx, cancel := context.WithCancelCause(ctx)
	s.Lock()
	defer s.Unlock()
	s.next++
	n := s.next
	for _, c := range children {
		if s.cancel[c] == nil {
			s.cancel[c] = map[int]context.CancelCauseFunc{}
		}
		s.cancel[c][n] = cancel
	}
	return ctx, func() {
		cancel(nil)
		stopTimer()
		s.Lock()
		defer s.Unlock()
		for _, c := range children {
			if delete(s.cancel[c], n); len(s.cancel[c]) == 0 {
				delete(s.cancel, c)
			}
		}
	}
}

// stop cuts off what is leaving for a child.
func (s *sends) stop(child string) {
	s.Lock()
	defer s.Unlock()
	for _, cancel := range s.cancel[child] {
		cancel(errRevoked)
	}
}
