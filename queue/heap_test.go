package queue_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"caregate/queue"
	"caregate/queue/scheduletest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHeap(*testing.T) queue.Schedule {
	return queue.NewHeap(queue.Options{LeaseFor: scheduletest.LeaseFor, PerDestination: scheduletest.PerDestination})
}

func TestHeap(t *testing.T) { scheduletest.ExerciseInBubble(t, newHeap) }

// TestHeapInRealTime runs the suite as a Schedule outside of the process would.
func TestHeapInRealTime(t *testing.T) { scheduletest.Exercise(t, newHeap) }

func BenchmarkClaimRelease(b *testing.B) {
	for _, lanes := range []int{1, 100_000} {
		b.Run(fmt.Sprint(lanes, " lanes"), func(b *testing.B) {
			h := queue.NewHeap(queue.Options{})
			for n := range lanes {
				h.Wake(b.Context(), queue.Lane{Name: fmt.Sprint(n), Destination: fmt.Sprint(n % 5)})
			}
			for b.Loop() {
				lease, err := h.Claim(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				h.Release(b.Context(), lease, time.Now())
			}
		})
	}
}

func ExampleHeap() {
	ctx := context.Background()
	schedule := queue.NewHeap(queue.Options{PerDestination: 4})
	schedule.Wake(ctx, queue.Lane{Name: "school/child-1", Destination: "school"})

	lease, _ := schedule.Claim(ctx)
	// Here the worker reads the head of the lane from the ledger and delivers it.
	fmt.Println(lease.Lane)
	schedule.Release(ctx, lease, time.Time{})
	// Output: school/child-1
}
