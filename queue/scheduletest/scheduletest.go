// Package scheduletest is the conformance suite of queue.Schedule.
package scheduletest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"caregate/queue"
)

// What the Schedule under test has to be set to.
const (
	LeaseFor       = 400 * time.Millisecond
	PerDestination = 2
)

// soon is well below LeaseFor: within it, what is due is claimed and what is not due stays.
const soon = LeaseFor / 4

type test struct {
	*testing.T
	queue.Schedule
}

var cases = []struct {
	name string
	run  func(test)
}{
	{"due at once, and once", dueOnce},
	{"not before it is due", future},
	{"the earliest wake counts", earliest},
	{"woken while leased, due again at release", wokenWhileLeased},
	{"released with a due time", releasedDue},
	{"oldest due lane of a destination first", oldestFirst},
	{"expired lease is reaped", reaped},
	{"stale token has no effect", fencing},
	{"extend prolongs", extend},
	{"cap of a destination", capped},
	{"a release makes room at once", room},
	{"a burst to one destination does not starve another", fair},
	{"claim ends with its context", cancelled},
	{"wake reaches a waiting claim", waiting},
	{"no lane is held twice", workers},
}

// Exercise holds a Schedule to its contract, in real time. make returns an empty one that
// is set to LeaseFor and PerDestination.
func Exercise(t *testing.T, make func(t *testing.T) queue.Schedule) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(test{t, make(t)}) })
	}
}

// ExerciseInBubble is Exercise in the time of a synctest bubble, for a Schedule that talks
// to nothing outside of the process.
func ExerciseInBubble(t *testing.T, make func(t *testing.T) queue.Schedule) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(test{t, make(t)}) })
		})
	}
}

func (t test) wake(lanes ...queue.Lane) {
	t.Helper()
	if err := t.Wake(t.Context(), lanes...); err != nil {
		t.Fatal(err)
	}
}

// claim wants the lane to be claimed soon.
func (t test) claim(want string) queue.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	lease, err := t.Claim(ctx)
	if err != nil || lease.Lane != want {
		t.Fatalf("claimed %q, want %q: %v", lease.Lane, want, err)
	}
	if lease.Token == 0 || lease.Until.IsZero() {
		t.Errorf("lease %+v", lease)
	}
	return lease
}

// nothing wants nothing to be claimed soon.
func (t test) nothing() {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if lease, err := t.Claim(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("claimed %q: %v", lease.Lane, err)
	}
}

func (t test) release(l queue.Lease, due time.Time) {
	t.Helper()
	if err := t.Release(t.Context(), l, due); err != nil {
		t.Fatal(err)
	}
}

func lane(destination string, n int) queue.Lane {
	return queue.Lane{Name: fmt.Sprintf("%s/%d", destination, n), Destination: destination}
}

func dueOnce(t test) {
	t.wake(lane("a", 1), lane("a", 1))
	t.wake(lane("a", 1))
	lease := t.claim("a/1")
	if lease.Destination != "a" {
		t.Errorf("destination %q", lease.Destination)
	}
	t.nothing()
	t.release(lease, time.Time{})
	t.nothing()
}

func future(t test) {
	l := lane("a", 1)
	l.Due = time.Now().Add(2 * soon)
	t.wake(l)
	t.nothing()
	time.Sleep(soon)
	t.claim("a/1")
	if time.Now().Before(l.Due) {
		t.Error("claimed before it was due")
	}
}

func earliest(t test) {
	late, later := lane("a", 1), lane("a", 1)
	late.Due, later.Due = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	t.wake(late)
	t.wake(later)
	t.nothing()
	t.wake(lane("a", 1))
	t.wake(later)
	t.claim("a/1")
}

func wokenWhileLeased(t test) {
	t.wake(lane("a", 1))
	lease := t.claim("a/1")
	t.wake(lane("a", 1))
	t.nothing()
	t.release(lease, time.Time{})
	lease = t.claim("a/1")
	t.wake(lane("a", 1))
	t.release(lease, time.Now().Add(time.Hour)) // the wake is earlier
	lease = t.claim("a/1")
	t.release(lease, time.Time{})
	t.nothing()
}

func releasedDue(t test) {
	t.wake(lane("a", 1))
	due := time.Now().Add(2 * soon)
	t.release(t.claim("a/1"), due)
	t.nothing()
	time.Sleep(soon)
	t.claim("a/1")
	if time.Now().Before(due) {
		t.Error("claimed before it was due")
	}
}

func oldestFirst(t test) {
	now := time.Now()
	for _, n := range []int{3, 1, 2} {
		l := lane("a", n)
		l.Due = now.Add(time.Duration(n-10) * time.Second)
		t.wake(l)
	}
	for n := 1; n <= 3; n++ {
		t.release(t.claim(lane("a", n).Name), time.Time{})
	}
}

func reaped(t test) {
	t.wake(lane("a", 1))
	first := t.claim("a/1")
	ctx, cancel := context.WithTimeout(t.Context(), 4*LeaseFor)
	defer cancel()
	second, err := t.Claim(ctx) // nobody wakes it
	if err != nil || second.Lane != "a/1" || second.Token <= first.Token {
		t.Errorf("first %+v, second %+v: %v", first, second, err)
	}
}

func fencing(t test) {
	t.wake(lane("a", 1))
	stale := t.claim("a/1")
	time.Sleep(LeaseFor + soon)
	current := t.claim("a/1")
	if err := t.Release(t.Context(), stale, time.Now()); !errors.Is(err, queue.ErrLost) {
		t.Errorf("stale release: %v", err)
	}
	if _, err := t.Extend(t.Context(), stale); !errors.Is(err, queue.ErrLost) {
		t.Errorf("stale extend: %v", err)
	}
	t.nothing() // the lane is still the second worker's
	t.release(current, time.Time{})
	if err := t.Release(t.Context(), current, time.Now()); !errors.Is(err, queue.ErrLost) {
		t.Errorf("released twice: %v", err)
	}
	t.nothing()
	unknown := queue.Lease{Lane: "a/9", Destination: "a", Token: 1}
	if err := t.Release(t.Context(), unknown, time.Now()); !errors.Is(err, queue.ErrLost) {
		t.Errorf("release of an unknown lane: %v", err)
	}
	t.nothing()
}

func extend(t test) {
	t.wake(lane("a", 1))
	lease := t.claim("a/1")
	for range 4 {
		time.Sleep(LeaseFor / 2)
		was := lease
		var err error
		if lease, err = t.Extend(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		if !lease.Until.After(was.Until) || lease.Token != was.Token {
			t.Errorf("extended %+v to %+v", was, lease)
		}
	}
	t.nothing()
	t.release(lease, time.Time{})
}

func capped(t test) {
	for n := range PerDestination + 1 {
		t.wake(lane("a", n))
	}
	var held queue.Lease
	left := (PerDestination + 1) * PerDestination / 2 // sum of the lanes' numbers
	for range PerDestination {
		var err error
		var n int
		if held, err = t.Claim(t.Context()); err != nil {
			t.Fatal(err)
		}
		fmt.Sscanf(held.Lane, "a/%d", &n)
		left -= n
	}
	t.nothing()
	t.wake(lane("b", 1))
	t.release(t.claim("b/1"), time.Time{})
	t.release(held, time.Time{})
	t.claim(lane("a", left).Name)
	t.nothing()
}

func room(t test) {
	var held []queue.Lease
	for n := range PerDestination {
		t.wake(lane("a", n))
		held = append(held, t.claim(lane("a", n).Name))
	}
	t.wake(lane("a", 9))
	claimed := make(chan queue.Lease)
	go func() {
		lease, err := t.Claim(t.Context())
		if err != nil {
			t.Error(err)
		}
		claimed <- lease
	}()
	time.Sleep(soon / 4)
	t.release(held[0], time.Time{})
	select {
	case lease := <-claimed:
		if lease.Lane != "a/9" {
			t.Errorf("claimed %q", lease.Lane)
		}
	case <-time.After(soon): // the other lease has not expired by then
		t.Error("not claimed")
		<-claimed
	}
}

func fair(t test) {
	for n := range 100 {
		t.wake(lane("a", n))
	}
	t.wake(lane("b", 1), lane("c", 1))
	served := map[string]int{}
	for range 6 {
		lease, err := t.Claim(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		served[lease.Destination]++
		t.release(lease, time.Time{})
	}
	if served["b"] != 1 || served["c"] != 1 {
		t.Errorf("served %v", served)
	}
}

func cancelled(t test) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := t.Claim(ctx)
		ended <- err
	}()
	time.Sleep(soon / 4)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("claim: %v", err)
	}
	t.wake(lane("a", 1))
	if lease, err := t.Claim(ctx); err == nil {
		t.Errorf("claimed %q with an ended context", lease.Lane)
	}
	t.claim("a/1") // nobody took it along
}

func waiting(t test) {
	got := make(chan queue.Lease, 2)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			lease, err := t.Claim(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- lease
		})
	}
	time.Sleep(soon / 4)
	t.wake(lane("a", 1), lane("b", 1))
	wait.Wait()
	if a, b := <-got, <-got; a.Lane == b.Lane {
		t.Errorf("both claimed %q", a.Lane)
	}
}
