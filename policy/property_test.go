package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"caregate/consent"
	"caregate/fhir"

	"pgregory.net/rapid"
)

// world draws the pieces of random requests: few names, so that they often meet.
type world struct{ t *rapid.T }

var (
	people    = []string{"RelatedPerson/a", "RelatedPerson/b", "Patient/sam"}
	places    = []string{"Organization/x", "Organization/y"}
	codes     = []string{"N", "R", "V", "PSY", "SUD", "42CFRPart2", "PSYTHPN", "HIV", "FERPA", "CPS-INVEST", "BH"}
	reasons   = []string{"TREAT", "COC", "BTG", "FAMRQT", "PATRQT", "HPAYMT"}
	kinds     = []string{"Condition", "Observation", "DocumentReference", "Organization"}
	domains   = []string{"all", "health", "mental-health", "sud", "education", "hiv", "ordinary-care"}
	now       = time.Date(2026, 11, 1, 18, 0, 0, 0, time.UTC)
	yesterday = "2026-10-31"
)

func (w world) pick(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(w.t, label)
}

func (w world) some(label string, from []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 3, rapid.ID[string]).Draw(w.t, label)
}

func (w world) chance(label string) bool { return rapid.Bool().Draw(w.t, label) }

func codings(values []string) *fhir.Node {
	list := fhir.NewArray()
	for _, c := range values {
		list.Append(fhir.NewObject().SetText("system", consent.LabelSystem(c)).SetText("code", c))
	}
	return list
}

// criteria adds random conditions to a provision.
func (w world) criteria(p *fhir.Node) *fhir.Node {
	if names := w.some("labels", codes); len(names) > 0 {
		p.Set("securityLabel", codings(names))
	}
	if w.chance("actor") {
		role := fhir.NewObject().Add("coding", fhir.NewObject().SetText("system", consent.SystemParticipation).SetText("code", "IRCP"))
		p.Add("actor", fhir.NewObject().Set("role", role).Set("reference", fhir.NewObject().SetText("reference", w.pick("to", places))))
	}
	if w.chance("purpose") {
		p.Add("purpose", fhir.NewObject().SetText("system", consent.SystemActReason).SetText("code", w.pick("why", reasons)))
	}
	if w.chance("class") {
		p.Add("class", fhir.NewObject().SetText("system", consent.SystemResourceTypes).SetText("code", w.pick("kind", kinds)))
	}
	return p
}

func provision(kind string) *fhir.Node { return fhir.NewObject().SetText("type", kind) }

// form wraps a root provision into a Consent with evidence, signed by some people.
func (w world) form(id string, root *fhir.Node) *fhir.Node {
	c := fhir.NewResource("Consent").SetText("id", id).SetText("status", "active").SetText("dateTime", "2026-09-01")
	c.Set("scope", fhir.NewObject().Add("coding", fhir.NewObject().SetText("system", consent.SystemConsentScope).SetText("code", "patient-privacy")))
	c.Add("category", fhir.NewObject().SetText("text", "release"))
	c.Set("patient", fhir.NewObject().SetText("reference", "Patient/sam"))
	c.Add("policy", fhir.NewObject().SetText("uri", "urn:p"))
	c.Set("sourceReference", fhir.NewObject().SetText("reference", "DocumentReference/f"))
	for _, ref := range append(w.some("signers", people), people[0]) {
		c.Add("performer", fhir.NewObject().SetText("reference", ref))
	}
	root.Set("period", fhir.NewObject().SetText("start", "2026-09-01").SetText("end", "2027-08-31"))
	return c.Set("provision", root)
}

// permit draws a form that permits only: without criteria at its root, or as an opt-in with nested permits.
func (w world) permit(id string) *fhir.Node {
	if w.chance("opt-in") {
		return w.form(id, provision("deny").Add("provision", w.criteria(provision("permit"))))
	}
	root := w.criteria(provision("permit"))
	if w.chance("nested") {
		root.Add("provision", w.criteria(provision("permit")))
	}
	return w.form(id, root)
}

func (w world) resource(i int) consent.Resource {
	kind := w.pick("type", kinds)
	n := fhir.NewResource(kind).SetText("id", fmt.Sprintf("r%d", i))
	n.Set("meta", fhir.NewObject().Set("security", codings(append(w.some("security", codes), w.pick("confidentiality", []string{"N", "R"})))))
	if kind != "Organization" {
		n.Set("subject", fhir.NewObject().SetText("reference", "Patient/sam"))
	} else {
		n.Set("meta", fhir.NewObject().Set("security", codings([]string{"N"})))
	}
	return consent.Resource{Ref: n.Ref(), Node: n}
}

func (w world) request() consent.Request {
	r := consent.Request{
		Jurisdiction: w.pick("jurisdiction", []string{"US", "US-IL", "US-NJ"}), Zone: time.UTC, AsOf: now,
		Child: consent.Child{
			Ref: "Patient/sam", BirthDate: w.pick("born", []string{"2020-01-01", "2013-01-01", "2009-01-01", "2005-01-01"}),
			MinorInformed: w.chance("informed"), MinorObjects: w.chance("objects"),
		},
		Action: "disclose", Purpose: w.pick("purpose", reasons), Implicit: consent.ImplicitDeny,
		LapseAtMajority: w.chance("lapse"), Emergency: w.chance("emergency"), Justification: "unconscious",
		Recipient: consent.Recipient{Ref: w.pick("ref", people), Organization: w.pick("org", places), Clinician: w.chance("clinician")},
	}
	if w.chance("joint") {
		r.Child.JointRequired = map[string][]string{"all": {people[0], people[1]}}
	}
	for i, ref := range people[:2] {
		r.Authorities = append(r.Authorities, consent.Authority{Holder: ref, Domains: append(w.some("domains", domains), domains[i]), Start: "2020-01-01"})
	}
	for i := range rapid.IntRange(1, 3).Draw(w.t, "forms") {
		r.Consents = append(r.Consents, consent.Filed{Node: w.permit(fmt.Sprintf("c%d", i)), Version: "1"})
	}
	for i := range rapid.IntRange(1, 4).Draw(w.t, "records") {
		r.Resources = append(r.Resources, w.resource(i))
	}
	return r
}

func released(d Decision) []string {
	var out []string
	for _, rd := range d.Resources {
		if !rd.Withheld {
			out = append(out, rd.Ref)
		}
	}
	return out
}

// edit replaces one form by a changed copy.
func edit(r consent.Request, i int, change func(*fhir.Node)) consent.Request {
	n := r.Consents[i].Node.Clone()
	change(n)
	r.Consents = slices.Clone(r.Consents)
	r.Consents[i] = consent.Filed{Node: n, Version: "2"}
	return r
}

// narrowings are changes after which never more may be released than before.
var narrowings = map[string]func(w world, r consent.Request, i int) consent.Request{
	"a denial is added": func(w world, r consent.Request, _ int) consent.Request {
		r.Consents = append(slices.Clone(r.Consents), consent.Filed{Node: w.form("no", w.criteria(provision("deny"))), Version: "1"})
		return r
	},
	"a nested denial is added": func(w world, r consent.Request, i int) consent.Request {
		return edit(r, i, func(n *fhir.Node) { n.Get("provision").Add("provision", w.criteria(provision("deny"))) })
	},
	"a permit is revoked": func(_ world, r consent.Request, i int) consent.Request {
		return edit(r, i, func(n *fhir.Node) { n.SetText("status", "inactive") })
	},
	"a permit expires": func(_ world, r consent.Request, i int) consent.Request {
		return edit(r, i, func(n *fhir.Node) { n.At("provision.period").SetText("end", yesterday) })
	},
	"evidence is lost": func(_ world, r consent.Request, i int) consent.Request {
		return edit(r, i, func(n *fhir.Node) { n.Remove("sourceReference") })
	},
	"a permit becomes unreadable": func(_ world, r consent.Request, i int) consent.Request {
		return edit(r, i, func(n *fhir.Node) { n.At("provision").SetText("type", "allow") })
	},
	"a grantor's authority ends": func(w world, r consent.Request, _ int) consent.Request {
		r.Authorities = slices.Clone(r.Authorities)
		r.Authorities[w.index("who", len(r.Authorities))].End = yesterday
		return r
	},
	"a grantor is flagged": func(w world, r consent.Request, _ int) consent.Request {
		r.Authorities = slices.Clone(r.Authorities)
		r.Authorities[w.index("who", len(r.Authorities))].Endangerment = true
		return r
	},
	"an unknown label is added": func(w world, r consent.Request, _ int) consent.Request {
		r.Resources = slices.Clone(r.Resources)
		at := w.index("which", len(r.Resources))
		n := r.Resources[at].Node.Clone()
		n.Get("meta").Add("security", fhir.NewObject().SetText("system", "urn:x").SetText("code", "secret"))
		r.Resources[at].Node = n
		return r
	},
	"a court restricts": func(w world, r consent.Request, _ int) consent.Request {
		r.Child.CourtOrders = append(slices.Clone(r.Child.CourtOrders), consent.Order{ID: "o", Effect: w.pick("effect", []string{"restrict", "?"}), Recipients: []string{w.pick("to", places)}})
		return r
	},
	"the minor objects": func(_ world, r consent.Request, _ int) consent.Request { r.Child.MinorObjects = true; return r },
	"a signature is required": func(_ world, r consent.Request, _ int) consent.Request {
		r.Child.JointRequired = map[string][]string{"all": {people[0], people[1], "RelatedPerson/c"}}
		return r
	},
}

func (w world) index(label string, n int) int { return rapid.IntRange(0, n-1).Draw(w.t, label) }

func TestNothingWidens(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for name, change := range narrowings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some, less := 0, 0
			rapid.Check(t, func(rt *rapid.T) {
				w := world{rt}
				r := w.request()
				before := e.Decide(t.Context(), r)
				after := e.Decide(t.Context(), change(w, r, w.index("form", len(r.Consents))))
				for _, ref := range released(after) {
					if !slices.Contains(released(before), ref) {
						rt.Fatalf("%s is released after it: %+v", ref, after.Resources)
					}
				}
				some += min(1, len(released(before)))
				less += min(1, len(released(before))-len(released(after)))
			})
			if some == 0 {
				t.Error("no request released anything: the property was not exercised")
			}
			t.Logf("%d requests released something, %d of them less afterwards", some, less)
		})
	}
}
