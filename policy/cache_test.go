package policy

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"
)

// TestAskedOnce: the same facts are put to the law once, others again; the day is one of the facts.
func TestAskedOnce(t *testing.T) {
	t.Parallel()
	e, err := loadChanged(t, func(fstest.MapFS) {})
	if err != nil {
		t.Fatal(err)
	}
	r := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	first := e.Decide(t.Context(), r)
	asked := func() int { return len(e.answers.recent) }
	if again := e.Decide(t.Context(), r); again.Digest() != first.Digest() || asked() != 1 {
		t.Errorf("the same facts were put to the law %d times", asked())
	}
	r.AsOf = r.AsOf.Add(24 * time.Hour)
	if e.Decide(t.Context(), r); asked() != 2 {
		t.Errorf("another day was not put to the law: %d answers", asked())
	}
	r.Child.MinorObjects = !r.Child.MinorObjects
	if e.Decide(t.Context(), r); asked() != 3 {
		t.Errorf("another fact was not put to the law: %d answers", asked())
	}
}

// TestCacheIsBounded: two generations, and what is used stays.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c cache
	c.put([]byte("kept"), answer{})
	for i := range 10 * cacheSize {
		c.put(fmt.Append(nil, i), answer{})
		if _, ok := c.get([]byte("kept")); !ok {
			t.Fatalf("lost after %d others", i)
		}
	}
	if n := len(c.recent) + len(c.earlier); n > 2*cacheSize {
		t.Errorf("%d answers are kept", n)
	}
}
