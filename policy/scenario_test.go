package policy

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// loaded compiles the built-in law once for all tests of the package.
var loaded = sync.OnceValues(func() (*Engine, error) {
	return Load(context.Background(), Bundles(), []string{"us", "us-il", "us-nj"}, Limits{})
})

func engine(t testing.TB) *Engine {
	t.Helper()
	e, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// score is what a run over scenarios counts.
type score struct{ rows, exact, over, under, missingObligations, otherReasons int }

func (sc *score) take(t *testing.T, e *Engine, s *Scenario) {
	t.Helper()
	r, err := s.Facts()
	if err != nil {
		t.Fatalf("%s: %v", s.ID, err)
	}
	if s.Contestable {
		return
	}
	sc.rows++
	d := e.Decide(t.Context(), r)
	got := d.Answer("")
	explained(t, s, d)
	slices.Sort(s.Expected.Withheld)
	slices.Sort(s.Expected.RedactedElements)
	sc.exactness(t, s, got)
	for _, ref := range s.Expected.Withheld {
		if !slices.Contains(got.Withheld, ref) {
			sc.over++
			t.Errorf("%s: OVER-DISCLOSURE of %s", s.ID, ref)
		}
	}
	for _, ref := range got.Withheld {
		if !slices.Contains(s.Expected.Withheld, ref) {
			sc.under++
		}
	}
	for _, id := range s.Expected.Obligations {
		if !slices.Contains(got.Obligations, id) {
			sc.missingObligations++
			t.Errorf("%s: obligation %s is missing from %v", s.ID, id, got.Obligations)
		}
	}
	for ref, want := range s.Expected.Reasons {
		if got.Reasons[ref] != want {
			sc.otherReasons++
			t.Logf("%s: %s: reason %q, expected %q", s.ID, ref, got.Reasons[ref], want)
		}
	}
}

// explained: every reason names its rule, source and text, and every withheld record what it lacks.
func explained(t *testing.T, s *Scenario, d Decision) {
	t.Helper()
	for _, rd := range d.Resources {
		for _, reason := range rd.Reasons {
			if reason.Rule == "" || reason.Cite == "" || reason.Text == "" || (rd.Withheld && reason.Needs == "") {
				t.Errorf("%s: %s: reason is incomplete: %+v", s.ID, rd.Ref, reason)
			}
			if reason.Code == "consent" && (reason.Consent == "" || reason.Path == "") {
				t.Errorf("%s: %s: a permit by consent names no provision", s.ID, rd.Ref)
			}
		}
	}
}

func (sc *score) exactness(t *testing.T, s *Scenario, got ScenarioAnswer) {
	t.Helper()
	type graded struct {
		Decision         string
		Withheld, Redact []string
	}
	diff := cmp.Diff(
		graded{s.Expected.Decision, append([]string{}, s.Expected.Withheld...), append([]string{}, s.Expected.RedactedElements...)},
		graded{got.Decision, got.Withheld, got.RedactedElements})
	if diff == "" {
		sc.exact++
		return
	}
	t.Errorf("%s (%s): %s\nreasons %v", s.ID, s.Prose, diff, got.Reasons)
}

func TestScenariosAtFullSize(t *testing.T) {
	dir := os.Getenv("CAREGATE_CORPUS")
	if dir == "" {
		t.Skip("CAREGATE_CORPUS is not set")
	}
	f, err := os.Open(filepath.Join(dir, "consent", "scenarios.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	var sc score
	for lines.Scan() {
		var s Scenario
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		sc.take(t, engine(t), &s)
	}
	if sc.rows == 0 {
		t.Fatal("no scenario was read")
	}
	t.Logf("%d of %d rows exact, %d over-disclosures, %d over-withheld, %d obligations missing, %d other reasons",
		sc.exact, sc.rows, sc.over, sc.under, sc.missingObligations, sc.otherReasons)
}

func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/consent/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	var sc score
	for _, file := range files {
		s := caseIn(t, file)
		if s.ID+".yaml" != filepath.Base(file) {
			t.Errorf("%s: id is %q", file, s.ID)
		}
		sc.take(t, engine(t), &s)
	}
	if sc.otherReasons > 0 {
		t.Errorf("%d reasons differ", sc.otherReasons)
	}
	t.Logf("%d of %d cases exact", sc.exact, sc.rows)
}

func caseIn(t *testing.T, file string) Scenario {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var s Scenario
	if err := json.Unmarshal(doc, &s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}
