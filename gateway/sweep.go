package gateway

import (
	"context"
	"log/slog"
	"time"
)

// sweepEvery bounds how long a lost hint can delay a delivery.
const sweepEvery = time.Second

// sweep wakes every lane that has work: after a start, and for whatever a lost hint left behind.
func (g *Gateway) sweep(ctx context.Context) error {
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
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := g.sweep(ctx); err != nil && ctx.Err() == nil {
				g.Log.Error("lanes not swept", slog.Any("error", err))
			}
		}
	}
}
