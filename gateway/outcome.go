package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"caregate/adapters"
	"caregate/ledger"
)

// Backoff says when a failed delivery is tried again.
type Backoff struct {
	First time.Duration // wait after the first failure
	Cap   time.Duration // longest wait
}

// DefaultBackoff waits 1 s, 2 s, 4 s ... up to 5 minutes, each up to a quarter longer so that partners are not hit in step.
var DefaultBackoff = Backoff{First: time.Second, Cap: 5 * time.Minute}

// after returns the wait before attempt n+1 (n counts from 1).
func (b Backoff) after(n int) time.Duration {
	wait := b.First << min(max(n-1, 0), 20)
	wait = min(max(wait, b.First), b.Cap)
	return wait + rand.N(wait/4+1)
}

// next is the state machine of one attempt: completed, pending again at a due time, or
// failed for a person to look at. It reads nothing but its arguments.
func next(d ledger.Delivery, receipt adapters.Receipt, err error, now time.Time, b Backoff) ledger.Outcome {
	o := ledger.Outcome{Delivery: d.ID, State: ledger.DeliveryCompleted, Code: string(adapters.CodeAccepted), Answer: receipt.Answer}
	if err == nil {
		return o
	}
	failure := (*adapters.Failure)(nil)
	if !errors.As(err, &failure) {
		failure = &adapters.Failure{Code: adapters.CodeInternal, Detail: "the adapter gave no reason"}
	}
	o.Code, o.Answer, o.Reason = string(failure.Code), failure.Answer, failure.Detail
	if failure.Code.Row().Retry {
		o.State, o.Due = ledger.DeliveryPending, now.Add(max(failure.After, b.after(d.Attempts+1)))
		return o
	}
	o.State = ledger.DeliveryFailed
	o.Work = []ledger.NewWork{{Kind: "delivery-failed", Partner: d.Destination, Remedy: "the destination refused it (" + failure.Answer + "): put right what it names, then resend"}}
	return o
}

// record closes the attempt. A stale token means another process has taken over: then its word counts.
func (g *Gateway) record(ctx context.Context, d ledger.Delivery, token int64, o ledger.Outcome) {
	o.Token = token
	o.Work = append(o.Work, g.undelivered(d, o.State)...)
	for i := range o.Work {
		o.Work[i].Owner = g.owner(d.Destination)
	}
	o.Events = []ledger.Event{{Kind: "outcome", Partner: d.Destination, Delivery: d.ID, Message: d.Message, Outcome: adapters.Code(o.Code).Row().Audit}}
	lane, err := g.Ledger.Record(ctx, o)
	if err != nil {
		g.Log.Warn("outcome not recorded, the delivery will be repeated with the same key", slog.String("delivery", d.ID), slog.Any("error", err))
		return
	}
	g.wake(ctx, []ledger.LaneDue{lane})
}

// postpone tries a delivery again soon: something of ours failed, not the partner.
func (g *Gateway) postpone(ctx context.Context, d ledger.Delivery, err error) {
	g.Log.Error("delivery postponed", slog.String("delivery", d.ID), slog.Any("error", err))
	_, err = g.Ledger.Decline(ctx, ledger.Decided{
		Delivery: d.ID, Prior: d.Token, State: ledger.DeliveryPending, Due: g.Now().Add(g.Backoff.after(d.Attempts + 1)),
		Code: string(adapters.CodeInternal), Reason: "the gateway could not decide or render it",
	})
	if err != nil {
		g.Log.Warn("postponement not recorded", slog.String("delivery", d.ID), slog.Any("error", err))
	}
}
