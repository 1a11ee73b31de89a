package ledger

import (
	"errors"
	"slices"
	"testing"
)

// task projects every message to the one resource Task/CONTROL.
func task(m Message, bundle []byte) ([]Projected, error) {
	return []Projected{{Type: "Task", ID: m.ControlID, Body: bundle, Terms: []Term{{"partner", []byte(m.Partner)}}}}, nil
}

func TestProject(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	child := newChild(t, l)
	held := message("held", "held", "")
	held.State, held.Deliveries = MessageHeld, nil
	first := must[Accepted](t)(l.Accept(ctx, held))
	for _, control := range []string{"1", "2", "3"} {
		must[Accepted](t)(l.Accept(ctx, message(control, control, child)))
	}
	step := func(limit, want int, mark int64) {
		t.Helper()
		done, watermark, err := l.Project(ctx, limit, task)
		if err != nil || done != want || watermark != mark {
			t.Errorf("projected %d to %d, want %d to %d: %v", done, watermark, want, mark, err)
		}
	}
	step(2, 2, 2)
	if projected, acceptedTo, err := l.Watermark(ctx); projected != 2 || acceptedTo != 4 || err != nil {
		t.Errorf("watermark %d of %d: %v", projected, acceptedTo, err)
	}
	step(9, 2, 4)
	step(9, 0, 4)
	// A held message is projected when it is accepted, although its place in the lanes is an old one.
	again := message("held", "", child)
	again.Reprocess = first.Message
	must[Accepted](t)(l.Accept(ctx, again))
	step(9, 1, 5)
	owner, body, from, err := l.Resource(ctx, "Task", "held")
	if err != nil || owner != child || string(body) != string(again.Bundle) || from != first.Message {
		t.Errorf("resource of %s from %s: %q, %v", owner, from, body, err)
	}
	if ids := must[[]string](t)(l.FindResources(ctx, "Task", "partner", []byte("csa"))); len(ids) != 5 {
		t.Errorf("found %v", ids)
	}
	if err := l.ResetProjection(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := l.Resource(ctx, "Task", "held"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after reset: %v", err)
	}
	step(9, 5, 5)
	if ids := must[[]string](t)(l.ResourcesOf(ctx, child, "Task")); !slices.Contains(ids, "held") || len(ids) != 5 {
		t.Errorf("resources %v", ids)
	}
}

func TestProjectStopsAtError(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	child := newChild(t, l)
	for _, control := range []string{"1", "2", "3"} {
		must[Accepted](t)(l.Accept(t.Context(), message(control, control, child)))
	}
	broken := errors.New("broken")
	done, watermark, err := l.Project(t.Context(), 9, func(m Message, bundle []byte) ([]Projected, error) {
		if m.ControlID == "2" {
			return nil, broken
		}
		return task(m, bundle)
	})
	if done != 2 || watermark != 2 || !errors.Is(err, broken) {
		t.Errorf("projected %d to %d: %v", done, watermark, err)
	}
	if done, watermark, err = l.Project(t.Context(), 9, task); done != 2 || watermark != 4 || err != nil {
		t.Errorf("projected %d to %d: %v", done, watermark, err)
	}
}

func TestRelink(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	ctx := t.Context()
	wrong, right := newChild(t, l), newChild(t, l)
	a := message("1", "raw", wrong)
	a.Inputs = []Input{{Child: wrong, Kind: "consent", Key: "Consent/1", Body: []byte("permit")}}
	got := must[Accepted](t)(l.Accept(ctx, a))
	if _, _, err := l.Project(ctx, 9, task); err != nil {
		t.Fatal(err)
	}
	behind := accepted(t, l, "2", right, 1)
	if err := l.Relink(ctx, got.Message, right, []Event{{Kind: "relinked", Message: got.Message}}); err != nil {
		t.Fatal(err)
	}
	if m := must[Message](t)(l.Message(ctx, got.Message)); m.Child != right {
		t.Errorf("child %s", m.Child)
	}
	if head := must[Delivery](t)(l.Head(ctx, "school/"+right)); head.ID != got.Deliveries[0] || head.Subjects[0] != right {
		t.Errorf("head %+v, before %s", head, behind.ID)
	}
	if _, err := l.Head(ctx, "school/"+wrong); !errors.Is(err, ErrNotFound) {
		t.Errorf("old lane: %v", err)
	}
	for child, ended := range map[string]bool{wrong: true, right: false} {
		inputs, epoch, err := l.Inputs(ctx, child)
		if err != nil || len(inputs) != 1 || inputs[0].Ended != ended || string(inputs[0].Body) != "permit" || inputs[0].Key != "Consent/1" {
			t.Errorf("inputs %+v: %v", inputs, err)
		}
		if want := map[string]int64{wrong: 3, right: 2}[child]; epoch != want {
			t.Errorf("epoch %d, want %d", epoch, want)
		}
	}
	// The content now goes with the right child.
	if err := l.Expunge(ctx, wrong); err != nil {
		t.Fatal(err)
	}
	if raw := must[[]byte](t)(l.Raw(ctx, got.Message)); string(raw) != "raw" {
		t.Errorf("raw %q", raw)
	}
	if owner, _, _, err := l.Resource(ctx, "Task", "1"); owner != right || err != nil {
		t.Errorf("resource of %s: %v", owner, err)
	}
}

func TestRelinkWaitsForSend(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	wrong, right := newChild(t, l), newChild(t, l)
	d := accepted(t, l, "1", wrong, 1)
	if _, _, err := l.Intend(t.Context(), intent(t, l, d, wrong)); err != nil {
		t.Fatal(err)
	}
	if err := l.Relink(t.Context(), d.Message, right, nil); !errors.Is(err, ErrStale) {
		t.Errorf("relink while it is on the way: %v", err)
	}
}

// An id stands for the resource of the child who had it first; a message about another
// child cannot put its own in that place.
func TestProjectKeepsTheOwner(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	first, second := newChild(t, l), newChild(t, l)
	same := func(m Message, _ []byte) ([]Projected, error) {
		return []Projected{{Type: "Observation", ID: "x", Body: []byte(m.ControlID)}}, nil
	}
	for i, child := range []string{first, second, first} {
		control := string(rune('1' + i))
		must[Accepted](t)(l.Accept(t.Context(), message(control, control, child)))
		if _, _, err := l.Project(t.Context(), 9, same); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"1": "1", "2": "1", "3": "3"}[control]
		owner, body, _, err := l.Resource(t.Context(), "Observation", "x")
		if err != nil || owner != first || string(body) != want {
			t.Errorf("after message %s: %q of %s, want %q of %s: %v", control, body, owner, want, first, err)
		}
	}
}
