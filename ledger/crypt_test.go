package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// plant writes canaries wherever the ledger takes content, and returns them by place.
func plant(t *testing.T, l *Ledger) map[string]string {
	t.Helper()
	ctx := t.Context()
	canaries := map[string]string{}
	canary := func(place string) []byte {
		canaries[place] = "CANARY-" + strings.ToUpper(place) + "-" + newID("")
		return []byte(canaries[place])
	}
	text := func(place string) string { return string(canary(place)) }
	child := NewChildID()
	a := message("1", "", child)
	a.NewChild = true
	a.Raw = append(canary("raw"), bytes.Repeat([]byte("OBX|"), 200)...) // long enough to be compressed
	a.Bundle, a.Issues = canary("bundle"), canary("issues")
	a.Links = []Link{{Term: canary("term"), Agree: canary("agree")}}
	a.Inputs = []Input{{Child: child, Kind: "consent", Key: text("inputkey"), Body: canary("input")}}
	a.Work = []NewWork{{Kind: "code", Remedy: text("remedy"), Note: canary("note")}}
	got := must[Accepted](t)(l.Accept(ctx, a))
	d := must[Delivery](t)(l.Delivery(ctx, got.Deliveries[0]))
	in := intent(t, l, d, child)
	in.DecisionBody = canary("decision")
	token, _, err := l.Intend(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	must[LaneDue](t)(l.Record(ctx, Outcome{
		Delivery: d.ID, Token: token, State: DeliveryPending, Answer: text("answer"), Reason: text("reason"),
		Work: []NewWork{{Kind: "x", Note: canary("deliverynote")}},
	}))
	must[LaneDue](t)(l.Decline(ctx, Decided{Delivery: d.ID, Prior: token, State: DeliveryHeld, DecisionBody: canary("declined"), Reason: text("declinedreason")}))
	must[int](t)(l.Cancel(ctx, []string{d.ID}, text("cancelreason"), nil))
	unknown := message("2", text("rawofunknown"), "")
	unknown.State, unknown.Deliveries, unknown.Bundle = MessageHeld, nil, nil
	must[Accepted](t)(l.Accept(ctx, unknown))
	id := must[string](t)(l.AddWork(ctx, NewWork{Kind: "alert", Note: canary("freenote")}, "", ""))
	if err := l.ResolveWork(ctx, id, text("resolution"), nil); err != nil {
		t.Fatal(err)
	}
	resource, term := canary("resource"), canary("searchterm")
	_, _, err = l.Project(ctx, 10, func(Message, []byte) ([]Projected, error) {
		return []Projected{{Type: "Task", ID: "1", Body: resource, Terms: []Term{{"code", term}}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return canaries
}

// hits returns the places whose canary is in a file of the directory, in any spelling.
func hits(t *testing.T, dir string, canaries map[string]string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v: %v", files, err)
	}
	found := map[string]bool{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for place, canary := range canaries {
			spellings := []string{canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary)))}
			for shift := range 3 { // base64 of the canary inside of something longer
				encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + canary))
				spellings = append(spellings, encoded[4:len(encoded)-4])
			}
			for _, s := range spellings {
				found[place] = found[place] || bytes.Contains(data, []byte(s))
			}
		}
	}
	return found
}

func TestNothingInClear(t *testing.T) {
	t.Parallel()
	hashed := map[string]bool{"term": true, "agree": true, "searchterm": true} // never stored, only their hash
	for name, plaintext := range map[string]bool{"encrypted": false, "plaintext": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l := open(t, dir, func(o *Options) { o.Plaintext = plaintext })
			canaries := plant(t, l)
			if len(canaries) < 18 {
				t.Errorf("only %d canaries", len(canaries))
			}
			for _, when := range []string{"open", "closed"} { // with and without -wal and -shm
				found := hits(t, dir, canaries)
				for place := range canaries {
					if want := plaintext && !hashed[place]; found[place] != want && (!plaintext || when == "open") { // a closed ledger has overwritten what was replaced
						t.Errorf("%s, %s: found %v, want %v", when, place, found[place], want)
					}
				}
				l.Close()
			}
		})
	}
}

func TestSealed(t *testing.T) {
	t.Parallel()
	k, err := newKeyring(testKey, false)
	if err != nil {
		t.Fatal(err)
	}
	key, err := k.newKey("c_1")
	if err != nil {
		t.Fatal(err)
	}
	at := place{table: "message", row: "m_1", column: "raw"}
	for _, size := range []int{0, 1, deflateFrom - 1, deflateFrom, 100_000} {
		body := bytes.Repeat([]byte("a"), size)
		sealed := k.seal(key, at, body)
		if opened, err := k.open(key, at, sealed); err != nil || !bytes.Equal(opened, body) {
			t.Errorf("%d bytes: %v", size, err)
		}
		for name, wrong := range map[string]place{
			"row": {table: "message", row: "m_2", column: "raw"}, "column": {table: "message", row: "m_1", column: "bundle"},
			"table": {table: "work", row: "m_1", column: "raw"}, "more": {table: "message", row: "m_1", column: "raw", more: []string{""}},
		} {
			if _, err := k.open(key, wrong, sealed); !errors.Is(err, ErrIntegrity) {
				t.Errorf("opened at another %s: %v", name, err)
			}
		}
		for i := range min(len(sealed), 64) {
			damaged := bytes.Clone(sealed)
			damaged[i] ^= 0x10
			if _, err := k.open(key, at, damaged); !errors.Is(err, ErrIntegrity) || !strings.Contains(err.Error(), "m_1") {
				t.Errorf("opened with a flipped bit in byte %d: %v", i, err)
			}
		}
	}
	if k.seal(key, at, nil) != nil {
		t.Error("nothing is sealed to something")
	}
}

// TestBitRot flips bits in stored rows: they are reported by id, not served.
func TestBitRot(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, statement string
		read            func(l *Ledger, d Delivery, child string) error
	}{
		{"raw", "UPDATE message SET raw = zeroblob(length(raw))", func(l *Ledger, d Delivery, _ string) error { _, err := l.Raw(t.Context(), d.Message); return err }},
		{"bundle", "UPDATE message SET bundle = raw", func(l *Ledger, d Delivery, _ string) error { _, err := l.Bundle(t.Context(), d.Message); return err }},
		{"input", "UPDATE input SET body = zeroblob(length(body))", func(l *Ledger, _ Delivery, c string) error { _, _, err := l.Inputs(t.Context(), c); return err }},
		{"input ended", "UPDATE input SET ended = 0", func(l *Ledger, _ Delivery, c string) error { _, _, err := l.Inputs(t.Context(), c); return err }},
		{"input kind", "UPDATE input SET kind = 'order'", func(l *Ledger, _ Delivery, c string) error { _, _, err := l.Inputs(t.Context(), c); return err }},
		{"destination", "UPDATE delivery SET destination = 'schopl'", func(l *Ledger, d Delivery, _ string) error { _, err := l.Head(t.Context(), d.Lane); return err }},
		{"urgency", "UPDATE delivery SET urgency = 0", func(l *Ledger, d Delivery, _ string) error { _, err := l.Head(t.Context(), d.Lane); return err }},
		{"data key", "UPDATE data_key SET wrapped = zeroblob(length(wrapped))", func(l *Ledger, d Delivery, _ string) error { _, err := l.Raw(t.Context(), d.Message); return err }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			child := newChild(t, l)
			a := message("1", "CANARY", child)
			a.Inputs = []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: []byte("CANARY"), Ended: true}}
			got := must[Accepted](t)(l.Accept(t.Context(), a))
			d := must[Delivery](t)(l.Delivery(t.Context(), got.Deliveries[0]))
			if err := c.read(l, d, child); err != nil {
				t.Fatalf("intact: %v", err)
			}
			tamper(t, dir, c.statement)
			err := c.read(l, d, child)
			if !errors.Is(err, ErrIntegrity) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestExpunge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	ctx := t.Context()
	children := []string{NewChildID(), NewChildID()}
	var messages []string
	for i, child := range children {
		a := message(child, "raw", child)
		a.NewChild, a.Links = true, []Link{{Term: []byte{byte(i)}}}
		a.Inputs = []Input{{Child: child, Kind: "consent", Key: "Consent/1", Body: []byte("b")}}
		a.Work = []NewWork{{Kind: "x", Note: []byte("n")}}
		messages = append(messages, must[Accepted](t)(l.Accept(ctx, a)).Message)
	}
	var wrapped []byte
	if err := l.readDB.QueryRow("SELECT wrapped FROM data_key WHERE child = ?", children[0]).Scan(&wrapped); err != nil {
		t.Fatal(err)
	}
	if err := l.Expunge(ctx, children[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Raw(ctx, messages[0]); !errors.Is(err, ErrExpunged) {
		t.Errorf("raw: %v", err)
	}
	if _, _, err := l.Inputs(ctx, children[0]); !errors.Is(err, ErrExpunged) {
		t.Errorf("inputs: %v", err)
	}
	if _, err := l.Accept(ctx, message("later", "x", children[0])); !errors.Is(err, ErrNotFound) {
		t.Errorf("accept for an expunged child: %v", err)
	}
	if d := must[[]Delivery](t)(l.Deliveries(ctx, messages[0])); d[0].State != DeliveryCancelled {
		t.Errorf("delivery %+v", d[0])
	}
	if found := must[[]Found](t)(l.FindChild(ctx, [][]byte{{0}, {1}})); len(found) != 1 || found[0].Child != children[1] {
		t.Errorf("found %+v", found)
	}
	if w := must[[]Work](t)(l.WorkOf(ctx, messages[0])); w[0].State != WorkResolved || w[0].Note != nil {
		t.Errorf("work %+v", w)
	}
	// The other child is untouched.
	if raw := must[[]byte](t)(l.Raw(ctx, messages[1])); string(raw) != "raw" {
		t.Errorf("raw %q", raw)
	}
	if inputs, _, err := l.Inputs(ctx, children[1]); err != nil || len(inputs) != 1 {
		t.Errorf("inputs %v: %v", inputs, err)
	}
	for place, found := range hits(t, dir, map[string]string{"wrapped key": string(wrapped)}) {
		if found {
			t.Errorf("%s is still in a file", place)
		}
	}
	if v := must[Verification](t)(l.Verify(ctx)); v.Bad != nil {
		t.Errorf("bad %+v", v.Bad)
	}
}

func TestExpungeWaitsForSend(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := open(t, t.TempDir(), func(o *Options) { o.Now = func() time.Time { return now } })
	child := newChild(t, l)
	d := accepted(t, l, "1", child, 1)
	if _, _, err := l.Intend(t.Context(), intent(t, l, d, child)); err != nil {
		t.Fatal(err)
	}
	if err := l.Expunge(t.Context(), child); !errors.Is(err, ErrStale) {
		t.Errorf("expunge while it is on the way: %v", err)
	}
	now = now.Add(GateLimit) // nobody recorded the outcome
	if err := l.Expunge(t.Context(), child); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Head(t.Context(), d.Lane); !errors.Is(err, ErrNotFound) {
		t.Errorf("head: %v", err)
	}
}

func TestDevelopmentKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	first := must[[]byte](t)(DevelopmentKey(dir))
	second := must[[]byte](t)(DevelopmentKey(dir))
	if len(first) != keySize || !bytes.Equal(first, second) {
		t.Errorf("keys of %d bytes, equal %v", len(first), bytes.Equal(first, second))
	}
	files, _ := os.ReadDir(dir)
	info, err := os.Stat(filepath.Join(dir, developmentKey))
	if err != nil || info.Mode().Perm() != 0o600 || len(files) != 1 {
		t.Errorf("mode %v, %d files: %v", info.Mode(), len(files), err)
	}
}

func TestFileModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	l := open(t, dir)
	if err := l.Log(t.Context(), Event{Kind: "read", Body: []byte(time.Now().String())}); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) < 3 {
		t.Errorf("files %v", files)
	}
	for _, name := range append(files, dir) {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", filepath.Base(name), info.Mode(), err)
		}
	}
}
