package ledger

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// small are the tables that stay so, and the steps over lanes and child rows of a query.
var small = []string{"counter", "p", "g", "a", "chain", "checkpoint", "w", "meta"}

var scan = regexp.MustCompile(`^SCAN (\w+)`)

// TestNoScans asks for the plan of every statement that this package runs: none reads a
// whole table, however large the ledger grows.
func TestNoScans(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	plant(t, l)
	child, other := newChild(t, l), newChild(t, l)
	d := accepted(t, l, "plan", child, 1)
	held := message("held", "held", "")
	held.State, held.Deliveries = MessageHeld, nil
	again := message("held", "", child)
	again.Reprocess = must[Accepted](t)(l.Accept(ctx, held)).Message
	must[Accepted](t)(l.Accept(ctx, again))
	for _, err := range []error{
		l.Relink(ctx, d.Message, other, nil),
		second(l.Requeue(ctx, []string{d.ID}, nil)), second(l.DueLanes(ctx)), second(l.Attempts(ctx, d.ID)), second(l.Deliveries(ctx, d.Message)),
		second(l.FindMessages(ctx, FindOutbound, "x")), second(l.FindMessages(ctx, FindControl, "a/b")), second(l.FindMessages(ctx, "placer", "b")),
		second(l.MessagesOf(ctx, child)), second(l.Events(ctx, d.Message)), second(l.EventsOf(ctx, child)), second(l.WorkOf(ctx, d.Message)),
		second(l.WorkItems(ctx, WorkOpen)), second(l.FindDeliveries(ctx, DeliveryFilter{State: DeliveryPending, Destination: "school", Limit: 5})),
		second(l.FindResources(ctx, "Task", "code", nil)), second(l.ResourcesOf(ctx, child, "Task")), second(l.FindChild(ctx, [][]byte{nil})),
		l.Expunge(ctx, other),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, _, err := l.Inputs(ctx, child); err != nil {
		t.Error(err)
	}
	if _, _, err := l.GateClear(ctx, child, 1); err != nil {
		t.Error(err)
	}
	l.Resource(ctx, "Task", "1")
	n := 0
	for _, s := range []*statements{l.read, l.writer.sql} {
		for query := range s.known {
			if verb, _, _ := strings.Cut(query, " "); !slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "INSERT", "WITH"}, verb) {
				continue
			}
			n++
			explain(t, l, query)
		}
	}
	if n < 60 {
		t.Errorf("only %d statements", n)
	}
}

func second[T any](_ T, err error) error { return err }

func explain(t *testing.T, l *Ledger, query string) {
	t.Helper()
	// Constants, as a plan may not use a partial index for a parameter and must not need one.
	rows, err := l.readDB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatal(query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		if m := scan.FindStringSubmatch(step); m != nil && !slices.Contains(small, m[1]) {
			t.Errorf("%s\n\t%s", step, query)
		}
	}
}
