package ledger

import (
	"testing"
	"time"
)

// TestInputsAt: what counted at an instant can be read later, ended and replaced versions too.
func TestInputsAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	l := open(t, t.TempDir(), func(o *Options) { o.Now = func() time.Time { return now } })
	child := NewChildID()
	state := func(id string, first bool, body string, ended bool) time.Time {
		now = now.Add(time.Minute)
		a := message(id, "MSH|"+id, child)
		a.NewChild = first
		a.Inputs = []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: []byte(body), Ended: ended}}
		must[Accepted](t)(l.Accept(t.Context(), a))
		return now
	}
	permit, deny, ended := state("1", true, "permit", false), state("2", false, "deny", false), state("3", false, "", true)
	for _, c := range []struct {
		at   time.Time
		n    int
		body string
		over bool
	}{
		{permit.Add(-time.Nanosecond), 0, "", false},
		{permit, 1, "permit", false},
		{deny.Add(-time.Nanosecond), 1, "permit", false},
		{deny, 1, "deny", false},
		{ended, 1, "", true},
	} {
		got := must[[]InputVersion](t)(l.InputsAt(t.Context(), child, c.at))
		if len(got) != c.n || c.n == 1 && (string(got[0].Body) != c.body || got[0].Ended != c.over) {
			t.Errorf("at %s: %+v, want %+v", c.at, got, c)
		}
	}
	if err := l.Expunge(t.Context(), child); err != nil {
		t.Fatal(err)
	}
	if got, err := l.InputsAt(t.Context(), child, deny); err == nil {
		t.Errorf("after the expunction: %+v", got)
	}
}
