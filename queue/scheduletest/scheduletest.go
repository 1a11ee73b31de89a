// Package scheduletest is the conformance suite of queue.Schedule.
package scheduletest

import (
	"testing"

	"caregate/queue"
)

// Exercise holds a Schedule to its contract.
func Exercise(t *testing.T, make func(t *testing.T) queue.Schedule) {}
