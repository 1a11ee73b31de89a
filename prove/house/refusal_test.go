package house

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"caregate/gateway"
	"caregate/ledger"
	"caregate/policy"
	"caregate/prove/proof"
)

// refusals is testdata/refusals.yaml.
type refusals struct {
	Story circumstances `yaml:"story"`
	Cases []refusal     `yaml:"cases"`
}

// refusal is one case: a fact for which something may not leave, and the twin in which it may.
type refusal struct {
	ID        string        `yaml:"id"`
	Prose     string        `yaml:"prose"`
	By        string        `yaml:"by"` // how the referral comes: mllp where empty, or fhir
	Given     circumstances `yaml:"given"`
	Refused   circumstances `yaml:"refused"`
	Delivered circumstances `yaml:"delivered"`
	State     string        `yaml:"state"`    // of both deliveries; where empty, denied or, with withheld, completed
	Withheld  []string      `yaml:"withheld"` // types or references that stay, where it is not everything
	Rule      string        `yaml:"rule"`
	Code      string        `yaml:"code"`
	Needs     string        `yaml:"needs"`
}

func (r refusal) state() string {
	switch {
	case r.State != "":
		return r.State
	case len(r.Withheld) > 0:
		return ledger.DeliveryCompleted
	default:
		return ledger.DeliveryDenied
	}
}

func readRefusals(t *testing.T) refusals {
	t.Helper()
	text, err := os.ReadFile("testdata/refusals.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all refusals
	if err := yaml.UnmarshalWithOptions(text, &all, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return all
}

// tally counts what the cases come to.
type tally struct {
	sync.Mutex
	refused, delivered, leaked, leftInPart, missed int // deliveries
	withheld, unexplained                          int // resources
}

// TestRefusals is point 4: every case and its twin on one gateway, each with a child of its own.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	dir := proof.WriteConfig(t)
	proof.Edit(t, dir, "routes.yaml", "services: [PSY]", `services: [PSY, "57133-1"]`) // REF^I12 and FHIR say it differently
	s := newServed(t, dir, w.Environment(), false)
	s.Start()
	all, sum := readRefusals(t), &tally{}
	t.Run("cases", func(t *testing.T) {
		for i, r := range all.Cases {
			t.Run(r.ID, func(t *testing.T) {
				t.Parallel()
				base := all.Story.with(r.Given)
				stopped := hearing{t: t, s: s, w: w, child: child(2*i + 1), by: r.By}
				sum.refuse(stopped, r, base.with(r.Refused))
				twin := hearing{t: t, s: s, w: w, child: child(2*i + 2), by: r.By}
				sum.deliver(twin, r, base.with(r.Delivered))
			})
		}
	})
	s.Stop()
	figure(t, 4, "refusals", len(all.Cases), "refused", sum.refused, "left although refused", sum.leaked, "left without the withheld", sum.leftInPart,
		"twins delivered", sum.delivered, "twins not delivered", sum.missed, "resources withheld", sum.withheld, "without rule or remedy", sum.unexplained)
}

// refuse plays a case and holds its outcome, and what the partners' sockets received, against what must come of it.
func (sum *tally) refuse(h hearing, r refusal, c circumstances) {
	h.t.Helper()
	e := h.play(c)
	got := h.arrived()
	sum.Lock()
	defer sum.Unlock()
	for _, clinic := range h.clinics(e) {
		partly := r.state() == ledger.DeliveryCompleted
		sum.refused += one(!partly)
		sum.leftInPart += one(partly)
		if clinic.State != r.state() {
			h.t.Errorf("%s: %s is %s, want %s", r.Prose, clinic.Destination, clinic.State, r.state())
		}
		sum.explained(h.t, r, clinic)
	}
	if r.state() == ledger.DeliveryCompleted {
		h.leftWithout(r, got)
		return
	}
	for _, arrived := range got {
		sum.leaked += len(arrived.bodies)
		if len(arrived.bodies) > 0 {
			h.t.Errorf("%s: %d bodies about the child reached %s", r.Prose, len(arrived.bodies), arrived.at)
		}
	}
}

// explained checks that each withheld resource is named with a rule and a remedy, and that
// the fact of the case is the reason given.
func (sum *tally) explained(t *testing.T, r refusal, d gateway.Destination) {
	t.Helper()
	if len(d.Attempts) == 0 {
		t.Errorf("no attempt at %s is explained", d.Destination)
		return
	}
	named := 0
	for _, res := range d.Attempts[len(d.Attempts)-1].Resources {
		if !res.Withheld {
			continue
		}
		sum.withheld++
		if !explains(res) {
			sum.unexplained++
			t.Errorf("%s: %s withheld without rule or remedy: %+v", d.Destination, res.Ref, res.Reasons)
		}
		if r.speaksOf(res.Ref) && res.Reasons[0].Rule == r.Rule && res.Reasons[0].Code == r.Code && strings.Contains(res.Reasons[0].Needs, r.Needs) {
			named++
		} else if r.speaksOf(res.Ref) {
			t.Errorf("%s: %s is withheld for %+v, want %s, %s, %q", d.Destination, res.Ref, res.Reasons[0], r.Rule, r.Code, r.Needs)
		}
	}
	if named == 0 {
		t.Errorf("%s: nothing is withheld for %s", d.Destination, r.Code)
	}
}

func explains(res policy.ResourceDecision) bool {
	return len(res.Reasons) > 0 && !slices.ContainsFunc(res.Reasons, func(why policy.Reason) bool {
		return why.Rule == "" || why.Text == "" || why.Needs == ""
	})
}

// speaksOf reports whether the case is about the resource: the child's own record where it names none.
func (r refusal) speaksOf(ref string) bool {
	typ, _, _ := strings.Cut(ref, "/")
	if len(r.Withheld) == 0 {
		return typ == "Patient"
	}
	return slices.Contains(r.Withheld, ref) || slices.Contains(r.Withheld, typ)
}

// deliver plays the twin: both clinics get it, once, and nobody else gets anything.
func (sum *tally) deliver(h hearing, r refusal, c circumstances) {
	h.t.Helper()
	e := h.play(c)
	got := h.arrived()
	sum.Lock()
	defer sum.Unlock()
	for _, clinic := range h.clinics(e) {
		if clinic.State == ledger.DeliveryCompleted {
			sum.delivered++
			continue
		}
		sum.missed++
		h.t.Errorf("the twin of %s is not delivered: %s is %s: %s %+v", r.ID, clinic.Destination, clinic.State, clinic.Reason, clinic.Attempts)
	}
	for _, arrived := range got {
		want := one(arrived.at == "lakeside" || arrived.at == "northside")
		if len(arrived.bodies) != want {
			h.t.Errorf("the twin of %s: %d bodies reached %s, want %d", r.ID, len(arrived.bodies), arrived.at, want)
		}
	}
}

// leftWithout checks that what left holds no trace of what is withheld.
func (h hearing) leftWithout(r refusal, got []arrivals) {
	h.t.Helper()
	traces := map[string][]string{"Condition": {"F90", "F43"}, "Condition/cond-adhd": {"cond-adhd", "F90", "hyperactivity"}}
	for _, arrived := range got {
		want := one(arrived.at == "lakeside" || arrived.at == "northside")
		if len(arrived.bodies) != want {
			h.t.Errorf("%s: %d bodies reached %s, want %d", r.ID, len(arrived.bodies), arrived.at, want)
		}
		for _, body := range arrived.bodies {
			for _, what := range r.Withheld {
				for _, trace := range traces[what] {
					if strings.Contains(string(body), trace) {
						h.t.Errorf("%s: %s got a trace of what is withheld: %q", r.ID, arrived.at, trace)
					}
				}
				if traces[what] == nil {
					h.t.Errorf("%s: say which traces of %s to look for", r.ID, what)
				}
			}
		}
	}
}

// clinics are the two deliveries of a referral.
func (h hearing) clinics(e gateway.Explanation) []gateway.Destination {
	h.t.Helper()
	if len(e.Destinations) != 2 {
		h.t.Fatalf("the referral is %s %s with %d destinations: %+v %+v", e.State, e.Code, len(e.Destinations), e.Issues, e.Work)
	}
	return e.Destinations
}

// arrivals are the bodies about one child at one partner's socket.
type arrivals struct {
	at     string
	bodies [][]byte
}

// arrived searches everything that every partner received for the child.
func (h hearing) arrived() []arrivals {
	marks := marks(h.child)
	about := func(at string, all [][]byte) arrivals {
		a := arrivals{at: at}
		for _, body := range all {
			if slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(string(body), mark) }) {
				a.bodies = append(a.bodies, body)
			}
		}
		return a
	}
	return []arrivals{
		about("lakeside", bodies(h.w.Lakeside.Received())), about("northside", h.w.Northside.Received()), about("cmo", h.w.CMO.Received()),
		about("state", h.w.State.Received()), about("school", bodies(h.w.School.Received())), about("edfi", bodies(h.w.EdFi.Received())),
	}
}

// TestExplainSaysItInWords holds that people are told what machines are: rule, source and remedy.
func TestExplainSaysItInWords(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	s := newServed(t, proof.WriteConfig(t), w.Environment(), false)
	s.Start()
	h := hearing{t: t, s: s, w: w, child: 1}
	e := h.play(circumstances{Unfiled: true})
	words, errs, exit := s.Run(true, "explain", e.Message)
	for _, want := range []string{"To lakeside.fhir, by the route consult-to-lakeside: denied", "withheld: Patient/", "CON-03 no-consent", "(FHIR R4 Consent", "needs a consent of someone with authority"} {
		if exit != 0 || !strings.Contains(words, want) {
			t.Errorf("exit %d, %s: explain does not say %q in\n%s", exit, errs, want, words)
		}
	}
	figure(t, 4, "explained in words", strings.Count(words, "withheld: "))
}

// TestReadsDoNotTell: what a clinic may not read and what does not exist give the same bytes.
func TestReadsDoNotTell(t *testing.T) {
	t.Parallel()
	w := proof.NewTown(t)
	dir := proof.WriteConfig(t)
	proof.Edit(t, dir, "partners/lakeside.yaml", "endpoints:", "reads: TREAT\nendpoints:")
	s := newServed(t, dir, w.Environment(), false)
	s.Start()
	hidden, open := hearing{t: t, s: s, w: w, child: 1}, hearing{t: t, s: s, w: w, child: 2}
	hidden.play(circumstances{Unfiled: true})
	open.play(readRefusals(t).Story)
	var asked, differing int
	for _, name := range []string{"Patient/child-il-c%d", "RelatedPerson/guardian-state-c%d", "RelatedPerson/foster-parent-c%d"} {
		asked++
		mayNot := answerTo(t, s, "lakeside", fmt.Sprintf(name, 1))
		absent := answerTo(t, s, "lakeside", fmt.Sprintf(name, 9))
		may := answerTo(t, s, "lakeside", fmt.Sprintf(name, 2))
		if mayNot != absent || !strings.HasPrefix(mayNot, "404") {
			differing++
			t.Errorf("withheld:\n%s\nnot existing:\n%s", mayNot, absent)
		}
		if !strings.HasPrefix(may, "200") || !strings.Contains(may, fmt.Sprintf(name[strings.Index(name, "/")+1:], 2)) {
			t.Errorf("the twin with a consent:\n%s", may)
		}
		if may, absent := answerTo(t, s, "cmo", fmt.Sprintf(name, 2)), answerTo(t, s, "cmo", fmt.Sprintf(name, 9)); may != absent || !strings.HasPrefix(may, "404") {
			t.Errorf("to a partner without reads in its profile:\n%s\n%s", may, absent)
		}
	}
	figure(t, 4, "reads that may not be told from absence", asked, "differing in a byte", differing)
}

// answerTo is the whole answer to a read: status, headers but the date, body.
func answerTo(t *testing.T, s *served, partner, ref string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.FHIR()+"/"+ref, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token-"+partner)
	req.Header.Set("X-Request-Id", "one-and-the-same")
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	resp.Header.Del("Date")
	var text strings.Builder
	fmt.Fprintln(&text, resp.Status)
	if err := resp.Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
