package gateway

import (
	"context"
	"log/slog"
	"time"
)

// sweepEvery bounds how long a lost hint can delay a delivery.
const sweepEvery = time.Second

// outdatedEvery is how often is looked for orders whose decision no longer stands.
const outdatedEvery = time.Minute

// sweep wakes every lane that has work: after a start, and for whatever a lost hint left
// behind. Where the clock may have been set back, nothing waits for the time it had before.
func (g *Gateway) sweep(ctx context.Context, back bool) error {
	if back {
		if err := g.Ledger.SetBack(ctx); err != nil {
			return err
		}
		g.reconsider(ctx, "")
	}
	lanes, err := g.Ledger.DueLanes(ctx)
	if err != nil {
		return err
	}
	g.wake(ctx, lanes)
	return nil
}

func (g *Gateway) sweepUntil(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	last := g.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := g.Now()
			back := now.Before(last)
			if !now.Truncate(outdatedEvery).Equal(last.Truncate(outdatedEvery)) {
				g.reconsiderOutdated(ctx)
			}
			last = now
			if err := g.sweep(ctx, back); err != nil && ctx.Err() == nil {
				g.Log.Error("lanes not swept", slog.Any("error", err))
			}
		}
	}
}
