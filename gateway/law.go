package gateway

import (
	"context"
	"fmt"
	"time"

	"caregate/ledger"
	"caregate/policy"
)

// errLawChanged ends an attempt that was decided by law that is no longer in force: it is decided again.
var errLawChanged = fmt.Errorf("%w: other law came into force while it was decided", ledger.ErrStale)

// Law is the law in force.
func (g *Gateway) Law() *policy.Engine { return g.law.Load() }

// Govern puts other law in force. Every decision is made by exactly one Engine: what was
// decided by the old one and not recorded yet is decided again, and what is leaving by it has
// left, or will never, when Govern returns. A partner that does not read delays that by
// GateExpiry at most, after which nothing of that send leaves any more. An answer to somebody who
// asks, a read or a consultation, that was recorded before may still be written for readExpiry/2.
func (g *Gateway) Govern(ctx context.Context, e *policy.Engine) {
	g.law.Store(e)
	last := g.sends.last()
	patience := time.NewTimer(GateExpiry)
	defer patience.Stop()
	for g.sends.underWay(last) {
		select {
		case <-ctx.Done():
			return
		case <-patience.C:
			return
		case <-time.After(gatePoll):
		}
	}
}

// last is the number of the newest send.
func (s *sends) last() int {
	s.Lock()
	defer s.Unlock()
	return s.next
}

// underWay reports whether a send up to a number has not ended.
func (s *sends) underWay(last int) bool {
	s.Lock()
	defer s.Unlock()
	for _, of := range s.cancel {
		for n := range of {
			if n <= last {
				return true
			}
		}
	}
	return false
}
