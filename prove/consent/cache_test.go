//go:build linux

package consent

import (
	"bytes"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"caregate/consent"
	"caregate/fhir"
	"caregate/policy"
	"caregate/prove/proof"
)

// factChanges are changes of what a decision stands on, each on its own.
var factChanges = []struct {
	name   string
	change func(r *consent.Request)
}{
	{"the consent is revoked", func(r *consent.Request) {
		r.Consents = []consent.Filed{consent.File(r.Consents[0].Node.Clone().Set("status", fhir.NewString("inactive")), "2")}
	}},
	{"another consent denies", func(r *consent.Request) {
		no := r.Consents[0].Node.Clone().Set("id", fhir.NewString("no")).Set("provision", fhir.NewObject().SetText("type", "deny"))
		r.Consents = append(slices.Clone(r.Consents), consent.File(no, "1"))
	}},
	{"a consent cannot be read", func(r *consent.Request) {
		r.Consents = append(slices.Clone(r.Consents), consent.File(fhir.NewResource("Consent").SetText("status", "active"), "1"))
	}},
	{"no consent is left", func(r *consent.Request) { r.Consents = nil }},
	{"the authority ends", func(r *consent.Request) {
		r.Authorities = slices.Clone(r.Authorities)
		r.Authorities[0].End = r.AsOf.AddDate(0, 0, -2).Format(time.DateOnly)
	}},
	{"the authority is of another domain", func(r *consent.Request) {
		r.Authorities = slices.Clone(r.Authorities)
		r.Authorities[0].Domains = []string{consent.DomainEducation}
	}},
	{"nobody has authority", func(r *consent.Request) { r.Authorities = nil }},
	{"a court restricts the clinic", func(r *consent.Request) {
		r.Child.CourtOrders = []consent.Order{{ID: "o1", Effect: "restrict", Recipients: []string{r.Recipient.Ref}, Scope: []string{"all"}}}
	}},
	{"the child is of age", func(r *consent.Request) { r.Child.BirthDate = "2001-01-01" }},
	{"the day of birth is not known", func(r *consent.Request) { r.Child.BirthDate = "" }},
	{"another purpose", func(r *consent.Request) { r.Purpose = "HRESCH" }},
	{"another recipient", func(r *consent.Request) {
		r.Recipient = consent.Recipient{Ref: "Organization/x", Organization: "Organization/x"}
	}},
	{"another site policy", func(r *consent.Request) { r.Consents, r.Implicit = nil, consent.ImplicitBasicNormal }},
}

// TestNothingDecidedIsOutOfDate: an Engine that has answered a request before, from memory, gives
// after each change of a consent, an authority or another fact, and on both sides of every date
// boundary, the answer of an Engine that has never been asked; and again after the way back.
func TestNothingDecidedIsOutOfDate(t *testing.T) {
	t.Parallel()
	used, other, l := engine(t), engine(t), labeler(t)
	sent, request := referral(t)
	put(l, sent, &request)
	first := used.Decide(t.Context(), request)
	afresh := func(r consent.Request) policy.Decision { // other was never asked the first request
		if proof.Full() {
			other = engine(t) // nor anything else
		}
		return other.Decide(t.Context(), r)
	}
	again := func(name string, r consent.Request) (changed bool) {
		used.Decide(t.Context(), request) // what it remembers is the request before
		got, want := used.Decide(t.Context(), r), afresh(r)
		if got.Digest() != want.Digest() || !got.ValidUntil.Equal(want.ValidUntil) || got.ID != want.ID {
			t.Errorf("%s: decided as %s from memory, %s afresh", name, got.Effect, want.Effect)
		}
		if back := used.Decide(t.Context(), request); back.Digest() != first.Digest() {
			t.Errorf("%s: the way back is decided otherwise", name)
		}
		return got.Digest() != first.Digest()
	}
	changed := 0
	for _, c := range factChanges {
		r := request
		c.change(&r)
		if !again(c.name, r) {
			t.Errorf("%s: changes nothing, so that it proves nothing", c.name)
			continue
		}
		changed++
	}
	boundaries := 0
	for at := first.ValidUntil; !at.IsZero() && boundaries < 12; boundaries++ {
		before, after := request, request
		before.AsOf, after.AsOf = at.Add(-time.Nanosecond), at
		again("just before "+at.String(), before)
		again("at "+at.String(), after)
		at = used.Decide(t.Context(), after).ValidUntil
	}
	figure(t, 6, "a change of a fact is decided afresh", len(factChanges), "changed", changed, "boundaries", boundaries)
	if boundaries == 0 {
		t.Error("no date boundary was crossed")
	}
}

// TestOtherLawAnswersForItself: the answers of one revision are not those of another.
func TestOtherLawAnswersForItself(t *testing.T) {
	t.Parallel()
	used, l := engine(t), labeler(t)
	sent, request := referral(t)
	put(l, sent, &request)
	first := used.Decide(t.Context(), request)
	changed := fstest.MapFS{}
	err := fs.WalkDir(policy.Bundles(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(policy.Bundles(), name)
		changed[name] = &fstest.MapFile{Data: bytes.ReplaceAll(text, []byte("FHIR R4 Consent.provision"), []byte("Another citation"))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	next, err := policy.Load(t.Context(), changed, bundleNames, policy.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	cites := func(d policy.Decision) bool {
		return slices.ContainsFunc(d.Resources, func(rd policy.ResourceDecision) bool {
			return slices.ContainsFunc(rd.Reasons, func(r policy.Reason) bool { return r.Cite == "Another citation" })
		})
	}
	if d := next.Decide(t.Context(), request); !cites(d) || d.Digest() == first.Digest() {
		t.Error("the new law is not cited, or its decision is called the same")
	}
	if d := used.Decide(t.Context(), request); cites(d) || d.Digest() != first.Digest() {
		t.Error("the old law is answered with the new")
	}
}
