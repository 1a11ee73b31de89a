package consent

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caregate/fhir"
)

// full is one statement of each kind that says everything it can.
func full() map[string]Statement {
	all := map[string]Statement{}
	for _, f := range statementForms {
		s := Statement{
			Kind: f.kind, ID: "x1", Start: "2026-01-01", End: "2026-12-31",
			Origin: Origin{Evidence: "DocumentReference/d", SHA256: "ab", Witness: "Practitioner/w", Received: "2026-01-02T09:00:00Z"},
		}
		if f.code != "" {
			s.Code = f.codes[0]
		}
		if f.person != "" {
			s.Persons = []string{"RelatedPerson/a"}
		}
		if f.scope != "" {
			s.Scope = []string{DomainHealth}
		}
		s.Part2 = f.kind == StatedOrder
		if f.on != "Patient" {
			s.ID = f.on + "/r#x1"
		}
		all[f.kind] = s
	}
	return all
}

func carry(s Statement, change func(ext *fhir.Node)) *fhir.Node {
	ext := s.Extension("x1")
	if change != nil {
		change(ext)
	}
	return fhir.NewResource(StatementKinds()[s.Kind]).SetText("id", "r").SetText("status", "active").Add("extension", ext)
}

func TestStatementsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for kind, want := range full() {
		got := StatementsFrom(carry(want, nil))
		if len(got) != 1 {
			t.Fatalf("%s: %d statements", kind, len(got))
		}
		want.Path = got[0].Path
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("%s: -want +got\n%s", kind, diff)
		}
	}
}

// A part that nobody knows, one that stands twice, and one without a value make a statement unreadable.
func TestPartsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*fhir.Node){
		"unknown part": func(ext *fhir.Node) {
			ext.Get("extension").Append(fhir.NewObject().SetText("url", "unless").SetText("valueString", "secret"))
		},
		"twice": func(ext *fhir.Node) {
			ext.Get("extension").Append(fhir.NewObject().SetText("url", "start").SetText("valueDate", "2026-02-02"))
		},
		"no value": func(ext *fhir.Node) {
			ext.Get("extension").Append(fhir.NewObject().SetText("url", "witness"))
		},
		"no day": func(ext *fhir.Node) {
			for _, part := range ext.Get("extension").Items() {
				if part.Get("url").Text() == "end" {
					part.SetText("valueDate", "secret")
				}
			}
		},
	}
	for kind, s := range full() {
		for name, change := range changes {
			got := StatementsFrom(carry(s, change))[0]
			if !got.Unreadable || len(got.Problems) != 1 {
				t.Errorf("%s, %s: unreadable %v, %d problems", kind, name, got.Unreadable, len(got.Problems))
				continue
			}
			if p := got.Problems[0]; !strings.Contains(p.Path, ".extension[0]") || strings.Contains(p.Text, "secret") {
				t.Errorf("%s, %s: %+v names a value or no place", kind, name, p)
			}
		}
	}
}

// The published definitions have the parts that are read, and no others.
func TestStatementsArePublished(t *testing.T) {
	t.Parallel()
	for _, f := range statementForms {
		text, err := os.ReadFile("../docs/fhir/StructureDefinition-" + f.kind + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			URL          string `json:"url"`
			Context      []struct{ Expression string }
			Differential struct {
				Element []struct{ SliceName string }
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		want := []string{"end", "evidence", "received", "sha256", "start", "witness"}
		for _, name := range []string{f.code, f.person, f.scope} {
			if name != "" {
				want = append(want, name)
			}
		}
		if f.kind == StatedOrder {
			want = append(want, "part2")
		}
		var got []string
		for _, e := range d.Differential.Element {
			if e.SliceName != "" {
				got = append(got, e.SliceName)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || d.URL != ExtensionStatement+f.kind || d.Context[0].Expression != f.on {
			t.Errorf("%s: %s on %s\n%s", f.kind, d.URL, d.Context[0].Expression, diff)
		}
	}
}

// Statements that cannot be read restrict as far as their kind can, and release nothing.
func TestUnreadableStatementsTaken(t *testing.T) {
	t.Parallel()
	r := Request{AsOf: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	r.Authorities = []Authority{{Holder: "RelatedPerson/a", Domains: []string{DomainAll}}}
	var all []Statement
	for kind := range full() {
		all = append(all, Statement{Kind: kind, Unreadable: true})
	}
	r.Take(all)
	c := r.Child
	if c.Emancipated || c.MinorInformed || c.ResponsibleAgency != "" || len(c.AddressAllowed)+len(c.Carers) > 0 || r.holds("RelatedPerson/a", []string{DomainHealth}, r.AsOf) {
		t.Errorf("released by what cannot be read: %+v", c)
	}
	if !c.MinorObjects || len(c.CourtOrders) != 1 || len(c.Flags) != 1 || !slices.Contains(c.JointRequired[DomainAll], unknownSigner) || !c.endangered {
		t.Errorf("not restricted by what cannot be read: %+v", c)
	}
}

// Two agencies that are both said to be responsible now: neither is.
func TestResponsibleAgency(t *testing.T) {
	t.Parallel()
	agency := func(ref, end string) Statement {
		return Statement{Kind: StatedAgency, Persons: []string{ref}, End: end}
	}
	for want, list := range map[string][]Statement{
		"Organization/b": {agency("Organization/a", "2026-10-31"), agency("Organization/b", "")},
		"":               {agency("Organization/a", ""), agency("Organization/b", "")},
	} {
		r := Request{AsOf: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
		r.Take(list)
		if r.Child.ResponsibleAgency != want {
			t.Errorf("%q, want %q", r.Child.ResponsibleAgency, want)
		}
	}
}

// A statement's days bound the answer: the decision is asked again when one begins or ends.
func TestStatementsBoundTheAnswer(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	r := Request{AsOf: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Zone: zone}
	r.Take([]Statement{{Kind: StatedPlacement, Persons: []string{"RelatedPerson/f"}, Start: "2026-11-03", End: "2026-11-20"}})
	if got, want := r.Evaluate().ValidUntil, time.Date(2026, 11, 3, 0, 0, 0, 0, zone); !got.Equal(want) {
		t.Errorf("valid until %v, want %v", got, want)
	}
}
