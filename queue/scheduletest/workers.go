package scheduletest

import (
	"context"
	"sync"
	"time"
)

// workers lets many workers work on few lanes that are woken all the time.
func workers(t test) {
	const lanes, wakes, most = 6, 300, 8
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var wait sync.WaitGroup
	holder, last, open := map[string]uint64{}, map[string]uint64{}, map[string]int{}
	pending := map[string]int{} // wakes that no later claim has seen
	for range most {
		wait.Go(func() {
			for {
				lease, err := t.Claim(ctx)
				if err != nil {
					return
				}
				mu.Lock()
				open[lease.Destination]++
				if holder[lease.Lane] != 0 || lease.Token <= last[lease.Lane] || open[lease.Destination] > PerDestination {
					t.Errorf("claimed %+v, held by %d, last token %d, open %d", lease, holder[lease.Lane], last[lease.Lane], open[lease.Destination])
				}
				holder[lease.Lane], last[lease.Lane] = lease.Token, lease.Token
				pending[lease.Lane] = 0
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				holder[lease.Lane] = 0
				open[lease.Destination]--
				mu.Unlock()
				if err := t.Release(context.WithoutCancel(ctx), lease, time.Time{}); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		})
	}
	for i := range wakes {
		l := lane(string(rune('a'+i%2)), i%lanes)
		mu.Lock()
		pending[l.Name]++
		mu.Unlock()
		t.wake(l)
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	settled := func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range pending {
			if n > 0 {
				return false
			}
		}
		return true
	}
	for range 100 {
		if settled() {
			break
		}
		time.Sleep(soon / 4)
	}
	if !settled() {
		t.Errorf("woken and never claimed: %v", pending)
	}
	cancel()
	wait.Wait()
}
