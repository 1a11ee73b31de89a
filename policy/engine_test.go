package policy

import (
	"context"
	"io/fs"
	"maps"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"caregate/consent"
	"caregate/fhir"
)

// lawTree is a copy of the built-in bundles that a test may change.
func lawTree(t *testing.T) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(Bundles(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Bundles(), name)
		tree[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func loadChanged(t *testing.T, change func(fstest.MapFS)) (*Engine, error) {
	t.Helper()
	tree := lawTree(t)
	change(tree)
	return Load(t.Context(), tree, []string{"us", "us-il"}, Limits{})
}

func add1(tree fstest.MapFS, name, text string) { tree[name] = &fstest.MapFile{Data: []byte(text)} }

func replace(tree fstest.MapFS, name, old, new string) {
	tree[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(tree[name].Data), old, new, 1))}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(fstest.MapFS)
		want   string
	}{
		{"a network call", func(tree fstest.MapFS) {
			add1(tree, "us/x.rego", `package x
r := http.send({"method": "get", "url": "http://127.0.0.1"})`)
		}, "http.send"},
		{"a clock", func(tree fstest.MapFS) { add1(tree, "us/x.rego", "package x\nr := time.now_ns()") }, "time.now_ns"},
		{"the environment", func(tree fstest.MapFS) { add1(tree, "us/x.rego", "package x\nr := opa.runtime()") }, "opa.runtime"},
		{"randomness", func(tree fstest.MapFS) {
			add1(tree, "us/x.rego", `package x
r := rand.intn("a", 3)`)
		}, "rand.intn"},
		{"a rule that does not compile", func(tree fstest.MapFS) { add1(tree, "us/x.rego", "package x\nr := undefined_thing") }, "undefined_thing"},
		{"a failing test", func(tree fstest.MapFS) { add1(tree, "us/x_test.rego", "package x\ntest_no if 1 == 2") }, "test_no"},
		{"law whose tests fail", func(tree fstest.MapFS) {
			replace(tree, "us-il/data.yaml", "age: 12, release: guardian, parents: informed", "age: 14, release: guardian, parents: informed")
		}, "failed"},
		{"no revision", func(tree fstest.MapFS) { add1(tree, "us/.manifest", "{}") }, "revision"},
		{"no tests", func(tree fstest.MapFS) {
			maps.DeleteFunc(tree, func(name string, _ *fstest.MapFile) bool { return strings.HasSuffix(name, "_test.rego") })
		}, "no embedded tests"},
		{"two versions in force on one day", func(tree fstest.MapFS) {
			replace(tree, "us/data.yaml", "to: 2026-02-15", "to: 2026-02-16")
		}, "another version"},
		{"an unreadable date", func(tree fstest.MapFS) { replace(tree, "us/data.yaml", "from: 2003-04-14", "from: 2003") }, "days like"},
		{"one entry stated by two bundles", func(tree fstest.MapFS) {
			replace(tree, "us-il/data.yaml", "rules:\n", "rules:\n  HIP-01: []\n")
		}, "two bundles"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := loadChanged(t, tt.change)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one about %q", err, tt.want)
			}
		})
	}
	if _, err := loadChanged(t, func(fstest.MapFS) {}); err != nil {
		t.Errorf("the unchanged law is refused: %v", err)
	}
	if _, err := Load(t.Context(), Bundles(), []string{"us-zz"}, Limits{}); err == nil {
		t.Error("a bundle that is not there was loaded")
	}
}

// Law that gives a bad answer must withhold everything, whatever the consents say.
func TestBadAnswersWithhold(t *testing.T) {
	t.Parallel()
	answer := func(text string) func(fstest.MapFS) {
		return func(tree fstest.MapFS) {
			maps.DeleteFunc(tree, func(name string, _ *fstest.MapFile) bool { return path.Ext(name) == ".rego" })
			add1(tree, "core/decision.rego", "package caregate.decision\n"+text)
			add1(tree, "core/decision_test.rego", "package t\ntest_yes if true")
		}
	}
	good := `reasons := [{"rule": "CON-04", "code": "consent", "cite": "x", "text": "y"}]` + "\n"
	each := func(body string) string {
		return good + `result := {"signatures": {s: ` + body + ` | some s, _ in input.signatures}, "redaction": {}}`
	}
	tests := []struct{ name, text string }{
		{"undefined", `result := 1 if input.nothing`},
		{"another shape", `result := "permit"`},
		{"nothing about the records", `result := {"signatures": {}, "redaction": {}}`},
		{"no reason", each(`{"effect": "permit", "stage": "consent", "reasons": [], "duties": []}`)},
		{"unknown reason", `result := {"signatures": {s: {"effect": "permit", "stage": "consent", "reasons": [{"code": "because"}], "duties": []} | some s, _ in input.signatures}, "redaction": {}}`},
		{"unknown obligation", each(`{"effect": "permit", "stage": "consent", "reasons": reasons, "duties": [{"id": "DANCE"}]}`)},
		{"unknown effect", each(`{"effect": "maybe", "stage": "consent", "reasons": reasons, "duties": []}`)},
		{"two answers", "result := 1\nresult := 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := loadChanged(t, answer(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			d := e.Decide(t.Context(), delivery(t, consultRequest, consultConsent, clinic, "TREAT"))
			wantPolicyError(t, d)
		})
	}
	// The allowed twin, in which Go still vetoes: the law permits by consent everything it is asked about.
	e, err := loadChanged(t, answer(each(`{"effect": "permit", "stage": "consent", "reasons": reasons, "duties": [{"id": "AUDIT"}]}`)))
	if err != nil {
		t.Fatal(err)
	}
	r := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	if d := e.Decide(t.Context(), r); d.Effect != PermitWithRedaction || d.Resources[11].Withheld {
		t.Errorf("law that permits what a consent permits: %s", d.Effect)
	}
	unknown := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	unknown.Resources = unknown.Resources[11:12]
	unknown.Resources[0].Node.Get("meta").Add("security", fhir.NewObject().SetText("system", "urn:x").SetText("code", "secret"))
	wantPolicyError(t, e.Decide(t.Context(), unknown))
	other := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	other.Resources = other.Resources[11:12]
	other.Resources[0].Node.Set("subject", fhir.NewObject().SetText("reference", "Patient/another"))
	wantPolicyError(t, e.Decide(t.Context(), other))
	sound := r
	sound.Authorities = nil
	if d := engine(t).Decide(t.Context(), sound); d.Effect != Deny || d.Faulty() {
		t.Errorf("sound law that withholds is called faulty: %s", d.Effect)
	}
	r.Authorities = nil
	if d := e.Decide(t.Context(), r); d.Effect != Deny {
		t.Errorf("law that permits without a sound consent: %s", d.Effect)
	}
}

func wantPolicyError(t *testing.T, d Decision) {
	t.Helper()
	if d.Effect != Deny || len(d.Resources) == 0 || !d.Faulty() {
		t.Errorf("effect %s, faulty %t", d.Effect, d.Faulty())
	}
	for _, rd := range d.Resources {
		if !rd.Withheld || rd.Reasons[0].Code != "policy-error" {
			t.Errorf("%s: %+v", rd.Ref, rd)
		}
	}
}

func TestFaultsWithhold(t *testing.T) {
	t.Parallel()
	r := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	wantPolicyError(t, engine(t).Decide(gone, r))
	wantPolicyError(t, (&Engine{}).Decide(t.Context(), r)) // panics inside
	late := *engine(t)
	late.decide, late.answers = time.Nanosecond, &cache{}
	wantPolicyError(t, late.Decide(t.Context(), r))
}

// Two records under one reference are decided apart: the open one must not open the other.
func TestOneReferenceTwoRecords(t *testing.T) {
	t.Parallel()
	r := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	open := r.Resources[11]
	shut := consent.Resource{Ref: open.Ref, Node: open.Node.Clone()}
	shut.Node.Get("meta").Add("security", fhir.NewObject().SetText("system", consent.SystemActCode).SetText("code", "HIV"))
	for _, order := range [][]consent.Resource{{open, shut}, {shut, open}} {
		r.Resources = order
		d := engine(t).Decide(t.Context(), r)
		if d.Effect != PermitWithRedaction || d.Resources[0].Withheld == d.Resources[1].Withheld {
			t.Errorf("%+v", d.Resources)
		}
	}
}

// A form filed for the child that names it in a way nobody can resolve may be a denial.
func TestUnresolvedPatientOfAConsentBlocks(t *testing.T) {
	t.Parallel()
	r := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	second := r.Consents[0].Node.Clone().Set("patient", fhir.NewObject().SetText("reference", "https://elsewhere.example/fhir/Patient/7"))
	r.Consents = append(r.Consents, consent.File(second, "1"))
	if d := engine(t).Decide(t.Context(), r); d.Effect != Deny {
		t.Errorf("effect %s", d.Effect)
	}
	r.Child.Refs = []string{"https://elsewhere.example/fhir/Patient/7"}
	if d := engine(t).Decide(t.Context(), r); d.Effect != PermitWithRedaction {
		t.Errorf("the same form of a child known under that reference: %s", d.Effect)
	}
}

func TestSameFactsSameDecision(t *testing.T) {
	t.Parallel()
	first := engine(t).Decide(t.Context(), delivery(t, consultRequest, consultConsent, clinic, "TREAT"))
	again, err := Load(t.Context(), Bundles(), []string{"us-nj", "us-il", "us"}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		d := again.Decide(t.Context(), delivery(t, consultRequest, consultConsent, clinic, "TREAT"))
		if d.ID != first.ID || d.Digest() != first.Digest() {
			t.Fatalf("%s %s, first %s %s", d.ID, d.Digest(), first.ID, first.Digest())
		}
	}
	later := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	later.AsOf = later.AsOf.Add(time.Hour)
	if d := again.Decide(t.Context(), later); d.Digest() != first.Digest() || d.ID == first.ID {
		t.Error("an hour later the decision is the same, under an ID of its own")
	}
	revoked := delivery(t, consultRequest, consultConsent, clinic, "TREAT")
	revoked.Consents = append(revoked.Consents, consent.File(fhir.NewResource("Consent").SetText("status", "active"), "1"))
	if d := again.Decide(t.Context(), revoked); d.Digest() == first.Digest() {
		t.Error("another decision has the same digest")
	}
}

// Every dated row is tested at its edges: the wording of the part 2 notice changed on 16 February 2026.
func TestNoticeOfTheDay(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	edge := time.Date(2026, 2, 16, 0, 0, 0, 0, zone)
	for at, want := range map[time.Time]string{
		edge.Add(-1): "notice/42cfr2.32/1987-08-10",
		edge:         "notice/42cfr2.32/2026-02-16",
	} {
		r := &consent.Request{Zone: zone, AsOf: at}
		if got := engine(t).law.notice("PART2-REDISCLOSURE-NOTICE", r).ref; got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	for id, rows := range engine(t).law.notices {
		for _, row := range rows {
			if row.text == "" || row.ref == "" {
				t.Errorf("%s from %s has no wording", id, row.from)
			}
		}
	}
}

func BenchmarkDecide100(b *testing.B) {
	r := delivery(b, consultRequest, consultConsent, clinic, "TREAT")
	bundle := fhir.NewResource("Bundle")
	for i := range 100 {
		n := r.Resources[11+i%6].Node.Clone().SetText("id", "r"+string(rune('a'+i%26))+string(rune('a'+i/26)))
		n.Get("meta").Remove("security")
		bundle.Add("entry", fhir.NewObject().Set("resource", n))
	}
	l, e := labeler(b), engine(b)
	for b.Loop() {
		fresh := bundle.Clone()
		l.Label(fresh)
		r.Resources = r.Resources[:0]
		for _, n := range fhir.Entries(fresh) {
			r.Resources = append(r.Resources, consent.Resource{Ref: n.Ref(), Node: n})
		}
		if d := e.Decide(b.Context(), r); d.Effect != Permit {
			b.Fatal(d.Effect)
		}
	}
}
