package demo_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"caregate/demo"
)

func TestStoryHoldsInAnyYear(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"today": 0, "next year": 365 * 24 * time.Hour, "in three years": 3 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := demo.Run(t.Context(), demo.Options{Out: &out, Log: io.Discard, Clock: ahead}); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			t.Log(out.String())
		})
	}
}
