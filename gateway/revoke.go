package gateway

import (
	"context"
	"time"
)

// gatePoll is how often a waiting revocation looks whether the gate is empty.
const gatePoll = 20 * time.Millisecond

// settle makes changed decision inputs effective: it cuts off what is leaving under the
// old ones and returns when no older decision can still leave. A hung partner delays it
// at most by GateExpiry; a child whose inputs did not change is not waited for.
func (g *Gateway) settle(ctx context.Context, epochs map[string]int64) error {
	for child, epoch := range epochs {
		g.sends.stop(child)
		if err := g.awaitGate(ctx, child, epoch); err != nil {
			return err
		}
	}
	return nil
}

// effective returns when what the message states is in force everywhere. A statement that
// stands already is waited for too: its sender may have missed the answer, and has none
// before nothing older can leave.
func (g *Gateway) effective(ctx context.Context, m *inspection, epochs map[string]int64) error {
	if len(epochs) > 0 || !m.asserted || m.who.child == "" || m.who.isNew {
		return g.settle(ctx, epochs)
	}
	epoch, err := g.Ledger.Epoch(ctx, m.who.child)
	if err != nil {
		return err
	}
	return g.awaitGate(ctx, m.who.child, epoch) // what leaves under the present inputs goes on
}

// Revoke waits until nothing decided before the child's current epoch can still leave,
// in this process or any other on the same ledger.
func (g *Gateway) Revoke(ctx context.Context, child string) error {
	_, epoch, err := g.Ledger.Inputs(ctx, child)
	if err != nil {
		return err
	}
	return g.settle(ctx, map[string]int64{child: epoch})
}

// awaitGate returns when no row of an older epoch is left, or when all of them must have
// ended: no row is made after the epoch was raised, and none lives longer than GateExpiry,
// even if the clock it is read by was set back.
func (g *Gateway) awaitGate(ctx context.Context, child string, epoch int64) error {
	ended := time.NewTimer(GateExpiry)
	defer ended.Stop()
	tick := time.NewTicker(gatePoll)
	defer tick.Stop()
	for {
		clear, _, err := g.Ledger.GateClear(ctx, child, epoch)
		if err != nil || clear {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended.C:
			return nil
		case <-tick.C:
		}
	}
}
