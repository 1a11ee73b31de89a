package translate

import (
	"slices"
	"testing"
)

// TestCoverage: every row of the guide is counted once, and the fields whose fate is known are told so.
func TestCoverage(t *testing.T) {
	t.Parallel()
	m, err := Coverage()
	if err != nil {
		t.Fatal(err)
	}
	if g := m.Guide; g.Rows != 1010 || g.Followed+g.Deviating+g.Open != g.Computable || g.Computable > g.Rows {
		t.Errorf("rows of the guide: %+v", g)
	}
	states := map[string]string{"PID-5": "mapped", "PID-18": "carried", "RF1-6": "mapped", "NK1-13": "mapped", "OBX-5": "mapped", "MSH-10": "mapped"}
	guide := map[string]string{"PID-5": GuideFollowed, "PID-18": GuideDeviating, "AIG-3": GuideNotComputable}
	for _, s := range m.Segments {
		if s.Name == "" && s.Segment[0] != 'Z' {
			t.Errorf("%s has no name", s.Segment)
		}
		for _, f := range s.Fields {
			if want := states[f.Field]; want != "" && want != f.State {
				t.Errorf("%s is %s, want %s", f.Field, f.State, want)
			}
			delete(states, f.Field)
			if want := guide[f.Field]; want != "" && !slices.ContainsFunc(f.Guide, func(g GuideRow) bool { return g.State == want }) {
				t.Errorf("%s has no row %s: %v", f.Field, want, f.Guide)
			}
		}
	}
	for field := range states {
		t.Errorf("%s is not in the matrix", field)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	r := newReasons([]Deviation{
		{Where: "MSH-12, 15 to 18, 21", Reason: "a"},
		{Where: "NK1[Patient]", Reason: "b"},
		{Where: "OBR[Specimen] OBR-7", Reason: "c"},
		{Where: "IN3", Reason: "d"},
		{Where: "OBX-5, SN with words", Reason: "e"},
	})
	for _, c := range []struct {
		mapName, segment string
		n                int
		want             string
	}{
		{"MSH[Bundle]", "MSH", 12, "a"},
		{"MSH[Bundle]", "MSH", 17, "a"},
		{"MSH[Bundle]", "MSH", 21, "a"},
		{"MSH[Bundle]", "MSH", 19, ""},
		{"NK1[Patient]", "NK1", 2, "b"},
		{"NK1[RelatedPerson]", "NK1", 2, ""},
		{"OBR[Specimen]", "OBR", 7, "c"},
		{"OBR[Specimen]", "OBR", 8, ""},
		{"IN3[CareTeam]", "IN3", 3, "d"},
		{"OBX[Observation]", "OBX", 5, "e"},
	} {
		if got := r.of(c.mapName, c.segment, c.n); got != c.want {
			t.Errorf("%s %s-%d: %q, want %q", c.mapName, c.segment, c.n, got, c.want)
		}
	}
}
