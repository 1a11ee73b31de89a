package queue

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"
)

// DefaultLease is how long a lease lasts when Options do not say.
const DefaultLease = 30 * time.Second

// Options of a Heap.
type Options struct {
	LeaseFor       time.Duration    // 0: DefaultLease
	PerDestination int              // leases of one destination at once; 0: no cap
	Now            func() time.Time // nil: time.Now
}

// Heap is the Schedule of one process: due lanes in memory, rebuilt from the ledger at
// start. It has no goroutine of its own; who claims, waits.
type Heap struct {
	options Options

	mu           sync.Mutex
	lanes        map[string]*lane // every lane that is due, will be, or is leased
	destinations map[string]*destination
	ring         []*destination // those with a lane waiting; served in turn
	turn         int            // index in ring of the next to be served
	leased       leases         // by end
	token, order uint64
	changed      chan struct{} // closed when waiting claimers have to look again
}

// lane is a lane that is waiting (due is its time) or leased (token is not 0).
type lane struct {
	name        string
	destination *destination
	due         time.Time
	order       uint64 // of lanes with the same due time, the one that waits longer goes first
	token       uint64
	until       time.Time
	again       bool      // woken while leased
	againDue    time.Time // for when
	index       int       // in the destination's waiting heap or in leased
}

// destination has its own heap, so that the backlog of one costs the others nothing.
type destination struct {
	name    string
	waiting waiting
	leases  int
	inRing  bool
}

// NewHeap returns an empty Heap.
func NewHeap(o Options) *Heap {
	if o.LeaseFor <= 0 {
		o.LeaseFor = DefaultLease
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Heap{options: o, lanes: map[string]*lane{}, destinations: map[string]*destination{}, changed: make(chan struct{})}
}

// Wake implements Schedule.
func (h *Heap) Wake(_ context.Context, lanes ...Lane) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.options.Now()
	for _, w := range lanes {
		if w.Due.IsZero() {
			w.Due = now
		}
		l := h.lanes[w.Name]
		switch {
		case l == nil:
			h.wait(&lane{name: w.Name, destination: h.destination(w.Destination)}, w.Due)
		case l.token != 0:
			if !l.again || w.Due.Before(l.againDue) {
				l.again, l.againDue = true, w.Due
			}
		case w.Due.Before(l.due):
			l.due = w.Due
			heap.Fix(&l.destination.waiting, l.index)
		}
	}
	h.tell()
	return nil
}

// Claim implements Schedule. Destinations are served in turn; within one, the lane that
// has been due longest.
func (h *Heap) Claim(ctx context.Context) (Lease, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Lease{}, err
		}
		lease, ok, changed, wait := h.try()
		if ok {
			return lease, nil
		}
		if err := pause(ctx, changed, wait); err != nil {
			return Lease{}, err
		}
	}
}

// pause waits for a change, for a time (negative: for ever), or for the end of the context.
func pause(ctx context.Context, changed <-chan struct{}, wait time.Duration) error {
	var due <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-due:
	}
	return nil
}

// try claims what is due, or says what to wait for.
func (h *Heap) try() (lease Lease, ok bool, changed <-chan struct{}, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.options.Now()
	h.reap(now)
	wait = -1
	until := func(t time.Time) {
		if d := max(t.Sub(now), 0); wait < 0 || d < wait {
			wait = d
		}
	}
	for range len(h.ring) {
		d := h.ring[h.turn%len(h.ring)]
		h.turn = (h.turn + 1) % len(h.ring)
		if h.options.PerDestination > 0 && d.leases >= h.options.PerDestination {
			continue // a release or an expired lease makes room
		}
		if first := d.waiting[0]; first.due.After(now) {
			until(first.due)
			continue
		}
		return h.lease(d, now), true, nil, 0
	}
	if len(h.leased) > 0 {
		until(h.leased[0].until)
	}
	return Lease{}, false, h.changed, wait
}

func (h *Heap) lease(d *destination, now time.Time) Lease {
	l := heap.Pop(&d.waiting).(*lane)
	if len(d.waiting) == 0 {
		h.leaveRing(d)
	}
	d.leases++
	h.token++
	l.token, l.until = h.token, now.Add(h.options.LeaseFor)
	heap.Push(&h.leased, l)
	return l.lease()
}

func (l *lane) lease() Lease {
	return Lease{Lane: l.name, Destination: l.destination.name, Token: l.token, Until: l.until}
}

// Extend implements Schedule.
func (h *Heap) Extend(_ context.Context, lease Lease) (Lease, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.options.Now()
	h.reap(now)
	l, err := h.held(lease)
	if err != nil {
		return Lease{}, err
	}
	l.until = now.Add(h.options.LeaseFor)
	heap.Fix(&h.leased, l.index)
	return l.lease(), nil
}

// Release implements Schedule.
func (h *Heap) Release(_ context.Context, lease Lease, due time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reap(h.options.Now())
	l, err := h.held(lease)
	if err != nil {
		return err
	}
	heap.Remove(&h.leased, l.index)
	h.free(l, due)
	h.tell()
	return nil
}

// held returns the lane while the lease's token is still the lane's.
func (h *Heap) held(lease Lease) (*lane, error) {
	l := h.lanes[lease.Lane]
	if l == nil || l.token == 0 || l.token != lease.Token {
		return nil, fmt.Errorf("lane of %s: %w", lease.Destination, ErrLost)
	}
	return l, nil
}

// free ends a lease. The lane waits again when it has something due or was woken meanwhile,
// at the earlier of both times.
func (h *Heap) free(l *lane, due time.Time) {
	l.destination.leases--
	l.token = 0
	if l.again && (due.IsZero() || l.againDue.Before(due)) {
		due = l.againDue
	}
	l.again, l.againDue = false, time.Time{}
	if due.IsZero() {
		h.forget(l)
		return
	}
	h.wait(l, due)
}

// reap ends the leases that have expired: their lanes are due at once.
func (h *Heap) reap(now time.Time) {
	reaped := false
	for len(h.leased) > 0 && !h.leased[0].until.After(now) {
		h.free(heap.Pop(&h.leased).(*lane), now)
		reaped = true
	}
	if reaped {
		h.tell()
	}
}

func (h *Heap) destination(name string) *destination {
	d := h.destinations[name]
	if d == nil {
		d = &destination{name: name}
		h.destinations[name] = d
	}
	return d
}

func (h *Heap) wait(l *lane, due time.Time) {
	h.order++
	l.due, l.order = due, h.order
	h.lanes[l.name] = l
	heap.Push(&l.destination.waiting, l)
	if !l.destination.inRing {
		l.destination.inRing = true
		h.ring = append(h.ring, l.destination)
	}
}

// forget drops a lane with nothing due, and its destination with its last lane.
func (h *Heap) forget(l *lane) {
	delete(h.lanes, l.name)
	if d := l.destination; d.leases == 0 && len(d.waiting) == 0 {
		delete(h.destinations, d.name)
	}
}

// leaveRing takes a destination without waiting lanes out; the turn stays with its successor.
func (h *Heap) leaveRing(d *destination) {
	for i, other := range h.ring {
		if other != d {
			continue
		}
		h.ring = append(h.ring[:i], h.ring[i+1:]...)
		if h.turn > i {
			h.turn--
		}
		break
	}
	d.inRing = false
}

// tell lets the waiting claimers look again.
func (h *Heap) tell() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// waiting orders lanes by due time.
type waiting []*lane

func (w waiting) Len() int { return len(w) }
func (w waiting) Less(i, j int) bool {
	if w[i].due.Equal(w[j].due) {
		return w[i].order < w[j].order
	}
	return w[i].due.Before(w[j].due)
}
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i]; w[i].index, w[j].index = i, j }
func (w *waiting) Push(x any)   { l := x.(*lane); l.index = len(*w); *w = append(*w, l) }
func (w *waiting) Pop() any     { return pop((*[]*lane)(w)) }

// leases orders lanes by the end of their lease.
type leases []*lane

func (s leases) Len() int           { return len(s) }
func (s leases) Less(i, j int) bool { return s[i].until.Before(s[j].until) }
func (s leases) Swap(i, j int)      { s[i], s[j] = s[j], s[i]; s[i].index, s[j].index = i, j }
func (s *leases) Push(x any)        { l := x.(*lane); l.index = len(*s); *s = append(*s, l) }
func (s *leases) Pop() any          { return pop((*[]*lane)(s)) }

func pop(list *[]*lane) *lane {
	last := len(*list) - 1
	l := (*list)[last]
	(*list)[last] = nil
	*list = (*list)[:last]
	return l
}
