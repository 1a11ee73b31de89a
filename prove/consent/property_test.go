package consent

import (
	"encoding/json"
	"flag"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"caregate/policy"
	"caregate/prove/consent/reference"
	"caregate/prove/proof"

	"pgregory.net/rapid"
)

// narrowing changes a scenario so that never more may be released than before; false where
// the scenario has nothing to change.
type narrowing struct {
	name  string
	apply func(g generator, doc object) bool
	apt   func(doc object) // makes half of the scenarios ones that the change can bear on
}

var narrowings = []narrowing{
	{name: "a denial is added", apply: func(g generator, doc object) bool {
		c := g.consent("no")
		root := c["provision"].(object)
		root["type"], c["status"], c["patient"], c["dateTime"] = "deny", "active", ref(child), "2026-01-05"
		root["period"] = object{"start": "2025-09-01"}
		delete(root, "provision")
		doc["consents"] = append(list(doc, "consents"), c)
		return true
	}},
	{name: "a nested denial is added", apply: func(g generator, doc object) bool {
		return aConsent(g, doc, func(c object) {
			inner := g.provision("new ", 2)
			inner["type"] = "deny"
			root := c["provision"].(object)
			root["provision"] = append(list(root, "provision"), inner)
		})
	}},
	{name: "a permit is revoked", apply: func(g generator, doc object) bool {
		return aPermit(g, doc, func(c object) { c["status"] = "inactive" })
	}},
	{name: "a permit expires", apply: func(g generator, doc object) bool {
		return aPermit(g, doc, func(c object) { c["provision"].(object)["period"] = object{"start": "2025-09-01", "end": "2026-02-27"} })
	}},
	{name: "evidence is lost", apply: func(g generator, doc object) bool {
		return aPermit(g, doc, func(c object) { delete(c, "sourceReference"); delete(c, "verification") })
	}},
	{name: "nobody signed", apply: func(g generator, doc object) bool {
		return aPermit(g, doc, func(c object) { delete(c, "performer") })
	}},
	{name: "a form becomes unreadable", apply: func(g generator, doc object) bool {
		return aConsent(g, doc, func(c object) {
			c["provision"].(object)["type"] = "allow"
			c["status"] = "active"
			c["patient"] = ref(child)
		})
	}},
	{name: "a grantor's authority ends", apply: func(g generator, doc object) bool {
		for _, guardian := range doc["guardians"].([]any)[:1+g.number("more", 0, 1)] {
			guardian.(object)["end"] = "2026-02-27"
		}
		return true
	}},
	{name: "a guardian is flagged", apply: func(g generator, doc object) bool {
		doc["guardians"].([]any)[g.number("whom", 0, 1)].(object)["endangerment"] = true
		return true
	}},
	{name: "an unknown label is added", apply: func(g generator, doc object) bool {
		records := doc["resources"].([]any)
		meta := records[g.number("record", 0, len(records)-1)].(object)["meta"].(object)
		meta["security"] = append(list(meta, "security"), object{"system": "urn:local", "code": "secret"})
		return true
	}},
	{name: "a court restricts", apply: func(g generator, doc object) bool {
		patient := doc["patient"].(object)
		order := object{"id": "o2", "effect": g.one("effect of it", "restrict", "seal"), "recipients": []any{g.one("about", clinic, "Practitioner/psych", mother)}}
		patient["courtOrders"] = append(list(patient, "courtOrders"), order)
		return true
	}},
	{name: "the minor objects", apply: func(_ generator, doc object) bool { doc["patient"].(object)["minorObjects"] = true; return true }, apt: minor},
	{name: "another signature is required", apply: func(_ generator, doc object) bool {
		doc["patient"].(object)["jointConsentRequired"] = object{"all": []any{mother, father, "RelatedPerson/c"}, "health": []any{mother, father, "RelatedPerson/c"}, "mental-health": []any{mother, father, "RelatedPerson/c"}}
		return true
	}},
	{name: "an unknown flag is added", apply: func(_ generator, doc object) bool {
		patient := doc["patient"].(object)
		patient["flags"] = append(list(patient, "flags"), "unheard-of")
		delete(patient, "addressAllowed")
		return true
	}},
}

// minor is an Illinois child of 13 with a mental-health record that the mother may release.
func minor(doc object) {
	doc["jurisdiction"] = "US-IL"
	patient := doc["patient"].(object)
	patient["birthDate"], patient["minorInformed"], patient["minorObjects"], patient["emancipated"] = "2012-03-15", true, false, false
	record := doc["resources"].([]any)[0].(object)
	record["meta"] = object{"security": []any{labelOf("PSY"), confidentiality("N")}}
}

func list(o object, name string) []any { l, _ := o[name].([]any); return slices.Clone(l) }

func aConsent(g generator, doc object, change func(object)) bool {
	all := list(doc, "consents")
	if len(all) == 0 {
		return false
	}
	change(all[g.number("form", 0, len(all)-1)].(object))
	return true
}

// aPermit changes a form that can only permit: whoever revokes a form takes back its denials too.
func aPermit(g generator, doc object, change func(object)) bool {
	var permits []object
	for _, c := range list(doc, "consents") {
		if onlyPermits(c.(object)["provision"].(object)) {
			permits = append(permits, c.(object))
		}
	}
	// What the form said stays on file: where it was the only one, the site's implicit policy
	// for children without a consent would speak instead.
	if len(permits) == 0 || doc["policy"].(object)["implicit"] != "deny" {
		return false
	}
	change(permits[g.number("permit", 0, len(permits)-1)])
	return true
}

func onlyPermits(p object) bool {
	if p["type"] != "permit" {
		return false
	}
	return !slices.ContainsFunc(list(p, "provision"), func(child any) bool { return !onlyPermits(child.(object)) })
}

// cases is how many scenarios the generated proofs decide in all.
func cases() int {
	if proof.Full() {
		return 105_000
	}
	return 2_100
}

// TestNothingWidens draws scenarios, changes each in one narrowing way, and asks that the
// engine releases nothing after it that it kept before, and answers as the reference does, before and after.
func TestNothingWidens(t *testing.T) {
	e, err := policy.Load(t.Context(), policy.Bundles(), []string{"us", "us-il", "us-nj"}, policy.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(cases()/len(narrowings))); err != nil {
		t.Fatal(err)
	}
	if !proof.Full() {
		if err := flag.Set("rapid.seed", "1"); err != nil { // the few must not differ from run to run
			t.Fatal(err)
		}
	}
	var drawn, agreed, released, narrower atomic.Int64
	t.Run("each", func(t *testing.T) {
		for _, n := range narrowings {
			t.Run(n.name, func(t *testing.T) {
				t.Parallel()
				all, some, less := 0, 0, 0
				rapid.Check(t, func(rt *rapid.T) {
					g := generator{rt}
					doc := g.scenario()
					if n.apt != nil && g.often("apt", 50) {
						n.apt(doc)
					}
					before := answer(rt, t, e, doc)
					changed := clone(rt, doc)
					if !n.apply(g, changed) {
						rt.Skip("nothing to change")
					}
					after := answer(rt, t, e, changed)
					if more := widened(changed, after, before); len(more) > 0 {
						rt.Fatalf("%s: %v is released after it, %v before", n.name, more, before)
					}
					all++
					agreed.Add(2)
					if len(before.Withheld) < len(list(doc, "resources")) {
						some++
						if !slices.Equal(before.Withheld, after.Withheld) || !slices.Equal(before.RedactedElements, after.RedactedElements) {
							less++
						}
					}
				})
				drawn.Add(int64(all))
				released.Add(int64(some))
				narrower.Add(int64(less))
				figure(t, 2, n.name, all, "releasedBefore", some, "less", less, "widened", 0)
				if less*100 < all {
					t.Errorf("of %d cases %d released something, %d less afterwards: the change is not exercised", all, some, less)
				}
			})
		}
	})
	figure(t, 2, "generated cases", int(drawn.Load()), "decisionsLikeTheReference", agreed.Load(), "releasedBefore", released.Load(), "less", narrower.Load())
	if released.Load()*100 < 30*drawn.Load() {
		t.Errorf("of %d cases %d released something", drawn.Load(), released.Load())
	}
}

// widened lists what goes now and did not before, records and elements.
func widened(doc object, after, before policy.ScenarioAnswer) []string {
	var out []string
	for _, r := range list(doc, "resources") {
		ref := r.(object)["resourceType"].(string) + "/" + r.(object)["id"].(string)
		if slices.Contains(before.Withheld, ref) && !slices.Contains(after.Withheld, ref) {
			out = append(out, ref)
		}
	}
	for _, element := range before.RedactedElements {
		ref, _, _ := strings.Cut(element, "#")
		if !slices.Contains(after.RedactedElements, element) && !slices.Contains(after.Withheld, ref) {
			out = append(out, element)
		}
	}
	return out
}

// answer decides a scenario by the engine and by the reference, which must agree.
func answer(rt *rapid.T, t *testing.T, e *policy.Engine, doc object) policy.ScenarioAnswer {
	text, err := json.Marshal(doc)
	if err != nil {
		rt.Fatal(err)
	}
	var s policy.Scenario
	if err := json.Unmarshal(text, &s); err != nil {
		rt.Fatal(err)
	}
	r, err := s.Facts()
	if err != nil {
		rt.Fatal(err)
	}
	got := e.Decide(t.Context(), r).Answer("")
	if want := reference.Decide(plain(rt, text)); !agrees(got, want) {
		rt.Fatalf("engine: %s %v %v %v\nreference: %v\n%s", got.Decision, got.Withheld, got.RedactedElements, got.Reasons, want, text)
	}
	return got
}

// plain reads JSON as the reference takes it.
func plain(rt *rapid.T, text []byte) object {
	var doc object
	if err := json.Unmarshal(text, &doc); err != nil {
		rt.Fatal(err)
	}
	return doc
}

func clone(rt *rapid.T, doc object) object {
	text, err := json.Marshal(doc)
	if err != nil {
		rt.Fatal(err)
	}
	return plain(rt, text)
}
