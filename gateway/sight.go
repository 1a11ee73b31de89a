package gateway

import (
	"context"
	"slices"
	"strings"
	"time"

	"caregate/consent"
	"caregate/fhir"
	"caregate/ledger"
	"caregate/policy"
)

// Sight asks who could see what of a child.
type Sight struct {
	Resource    string    // "Type/id" of a record that the gateway has; "" asks about each kind of record
	From, Until time.Time // zero: now, and two years on
	Language    string
}

// Window is a time in which one decision stands: whether a registered recipient could have
// a record, and why.
type Window struct {
	Route   string    `json:"route"` // "read" is a read at this gateway
	Partner string    `json:"partner"`
	Purpose string    `json:"purpose"`
	Record  string    `json:"record"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Seen    bool      `json:"seen"`
	Without []string  `json:"without,omitempty"`
	Rule    string    `json:"rule"`
	Code    string    `json:"code"`
	Cite    string    `json:"cite,omitempty"`
	Words   string    `json:"words"`
}

// sightYears is how far ahead is looked where nothing else is asked.
const sightYears = 2

// maxInstants bounds the date boundaries of one question.
const maxInstants = 500

// WhoCouldSee decides for every route and every reader, at each instant at which a decision
// can change: a period, an authority, a row of law, a birthday. Nothing is sent; asking is audited.
// It tells everything, protected records too, and is for the privacy officer.
func (g *Gateway) WhoCouldSee(ctx context.Context, child string, q Sight) ([]Window, error) {
	if q.From.IsZero() {
		q.From = g.Now()
	}
	if q.Until.IsZero() {
		q.Until = q.From.AddDate(sightYears, 0, 0)
	}
	inputs, _, err := g.Ledger.Inputs(ctx, child)
	if err != nil {
		return nil, err
	}
	if len(inputs) == 0 {
		return nil, ledger.ErrNotFound
	}
	looked, err := g.looked(ctx, child, inputs, q)
	if err != nil {
		return nil, err
	}
	if err := g.Ledger.Log(ctx, ledger.Event{Kind: "sight", Partner: "operator", Child: child, Outcome: "0"}); err != nil {
		return nil, err
	}
	all := []Window{}
	for _, route := range g.sightRoutes() {
		all = append(all, g.windows(ctx, route, child, inputs, looked, q)...)
	}
	return all, nil
}

// sightRoutes are all ways out: the routes, and the reads that partners may make.
func (g *Gateway) sightRoutes() []Route {
	routes := slices.Clone(g.Routes)
	for _, p := range g.Partners {
		if p.Reads != "" {
			routes = append(routes, Route{Name: "read", To: p.ID, Purpose: p.Reads})
		}
	}
	return routes
}

// windows walks one route through time; neighbouring times with the same answer are one window.
func (g *Gateway) windows(ctx context.Context, route Route, child string, inputs facts, looked *fhir.Node, q Sight) []Window {
	bundle := looked.Clone()
	offRoute(bundle, route.Content)
	open := map[string]*Window{}
	var order []string
	var done []Window
	for at, n := q.From, 0; at.Before(q.Until) && n < maxInstants; n++ {
		d := g.law.Load().Decide(ctx, g.request(&asked{route: route, child: child, bundle: bundle}, inputs, at))
		for _, rd := range d.Resources {
			w := g.window(route, rd, at, q.Language)
			last := open[rd.Ref]
			switch {
			case last == nil:
				order = append(order, rd.Ref)
			case last.same(w):
				continue
			default:
				last.Until = at
				done = append(done, *last)
			}
			open[rd.Ref] = &w
		}
		if d.ValidUntil.IsZero() || !d.ValidUntil.After(at) {
			break
		}
		at = d.ValidUntil
	}
	for _, ref := range order {
		open[ref].Until = q.Until
		done = append(done, *open[ref])
	}
	slices.SortStableFunc(done, func(a, b Window) int {
		if a.Record != b.Record {
			return slices.Index(order, a.Record) - slices.Index(order, b.Record)
		}
		return a.From.Compare(b.From)
	})
	return done
}

func (g *Gateway) window(route Route, rd policy.ResourceDecision, at time.Time, lang string) Window {
	w := Window{Route: route.Name, Partner: route.To, Purpose: route.Purpose, Record: rd.Ref, From: at, Seen: !rd.Withheld, Without: rd.Redact}
	if len(rd.Reasons) > 0 {
		r := rd.Reasons[0]
		w.Rule, w.Code, w.Cite = r.Rule, r.Code, r.Cite
		w.Words = g.words.Say(lang, policy.ForOfficer, r.Code)
	}
	return w
}

func (w *Window) same(o Window) bool {
	return w.Seen == o.Seen && w.Code == o.Code && w.Rule == o.Rule && slices.Equal(w.Without, o.Without)
}

// looked is the record that is asked about, or one of each kind of record.
func (g *Gateway) looked(ctx context.Context, child string, inputs facts, q Sight) (*fhir.Node, error) {
	bundle := fhir.NewResource("Bundle").SetText("type", "collection")
	put := func(r *fhir.Node) { bundle.Add("entry", fhir.NewObject().Set("resource", r)) }
	if q.Resource == "" {
		ref := g.request(&asked{bundle: bundle}, inputs, q.From).Child.Ref
		for _, k := range kindsOfRecord {
			put(k.example(ref))
		}
		return bundle, nil
	}
	r, err := g.recordOf(ctx, child, q.Resource)
	if err != nil {
		return nil, err
	}
	put(r)
	g.Labeler.Label(bundle)
	return bundle, nil
}

// recordKind is a kind of record that law and consents treat alike.
type recordKind struct {
	name, resourceType, subject string
	confidentiality             string
	labels                      []string
}

// kindsOfRecord are an example of each domain of the law, and of the labels that have rules of their own.
var kindsOfRecord = []recordKind{
	{"health", "Condition", "subject", "N", nil},
	{"medication", "MedicationRequest", "subject", "N", nil},
	{"allergy", "AllergyIntolerance", "patient", "N", nil},
	{"mental-health", "Condition", "subject", "R", []string{"MH"}},
	{"psychotherapy-notes", "DocumentReference", "subject", "R", []string{"PSYTHPN"}},
	{"substance-use", "Condition", "subject", "R", []string{"SUD", "42CFRPart2"}},
	{"hiv", "Condition", "subject", "R", []string{"HIV"}},
	{"education", "Observation", "subject", "N", []string{"FERPA"}},
	{"child-protection", "DocumentReference", "subject", "R", []string{"CPS-INVEST"}},
}

func (k recordKind) example(child string) *fhir.Node {
	meta := fhir.NewObject().Add("security", fhir.NewObject().SetText("system", consent.SystemConfidentiality).SetText("code", k.confidentiality))
	for _, label := range k.labels {
		system := consent.SystemActCode
		if label == "FERPA" || label == "CPS-INVEST" {
			system = consent.SystemLegalLabel
		}
		meta.Add("security", fhir.NewObject().SetText("system", system).SetText("code", label))
	}
	return fhir.NewResource(k.resourceType).SetText("id", k.name).Set("meta", meta).
		Set(k.subject, fhir.NewObject().SetText("reference", child))
}

// recordOf is the newest version of one record of a child; ErrNotFound where it is another's.
func (g *Gateway) recordOf(ctx context.Context, child, ref string) (*fhir.Node, error) {
	if err := g.project(ctx); err != nil {
		return nil, err
	}
	kind, id, _ := strings.Cut(ref, "/")
	owner, body, _, err := g.Ledger.Resource(ctx, kind, opaque(kind, id))
	if err != nil {
		return nil, err
	}
	if owner != child {
		return nil, ledger.ErrNotFound
	}
	return fhir.Parse(body)
}
