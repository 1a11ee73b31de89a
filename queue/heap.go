package queue

import (
	"context"
	"errors"
	"time"
)

// Options of a Heap.
type Options struct {
	LeaseFor       time.Duration    // 0: DefaultLease
	PerDestination int              // leases of one destination at once; 0: no cap
	Now            func() time.Time // nil: time.Now
}

// Heap is the Schedule of one process.
type Heap struct{}

var errUnfinished = errors.New("unfinished")

// NewHeap returns an empty Heap.
func NewHeap(o Options) *Heap { return &Heap{} }

func (h *Heap) Wake(ctx context.Context, lanes ...Lane) error             { return errUnfinished }
func (h *Heap) Claim(ctx context.Context) (Lease, error)                  { return Lease{}, errUnfinished }
func (h *Heap) Extend(ctx context.Context, l Lease) (Lease, error)        { return l, errUnfinished }
func (h *Heap) Release(ctx context.Context, l Lease, due time.Time) error { return errUnfinished }
