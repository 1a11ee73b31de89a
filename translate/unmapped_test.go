package translate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"caregate/hl7v2"
)

// TestUnmapped: a code that decides something and that nobody knows is named, with nothing of
// the message beside it; a known code, a code of the standard, and a word are told apart.
func TestUnmapped(t *testing.T) {
	t.Parallel()
	ref := func(rf1 string) string {
		return "MSH|^~\\&|A|B|||20261104||REF^I12|7|P|2.5.1\rRF1|" + rf1 + "|||||77^B\rPID|1||1^^^B\r"
	}
	orm := func(orc string) string {
		return "MSH|^~\\&|A|B|||20261104||OMG^O19|7|P|2.5.1\rPID|1||1^^^B\rORC|" + orc + "\rOBR|1|5^B||34788-0^x^LN\r"
	}
	both := []string{"0283.task", "0283.request"}
	for name, c := range map[string]struct {
		message, profile string
		want             []Unmapped
	}{
		"own code":              {ref("NEU^New^L"), "", []Unmapped{{"RF1-1", "0283", both, "NEU", "L"}}},
		"known":                 {ref("A"), "", nil},
		"empty":                 {ref(""), "", nil},
		"words":                 {ref("waits for the mother"), "", []Unmapped{{"RF1-1", "0283", both, "", ""}}},
		"a number of a person":  {ref("123-45-6789"), "", []Unmapped{{"RF1-1", "0283", both, "", ""}}},
		"in the profile":        {ref("NEU^New^L"), `codes: {"0283.task": {NEU: requested}, "0283.request": {NEU: active}}`, nil},
		"half in the profile":   {ref("NEU"), `codes: {"0283.task": {NEU: requested}}`, []Unmapped{{"RF1-1", "0283", []string{"0283.request"}, "NEU", ""}}},
		"held for nothing":      {ref("NEU"), `holdCodes: []`, nil},
		"held for other tables": {ref("NEU"), `holdCodes: ["0038"]`, nil},
		"held for all":          {ref("NEU"), `holdCodes: [all]`, []Unmapped{{"RF1-1", "0283", both, "NEU", ""}}},
		"a label in its system": {orm("NW|5^B||||||||||||||||||||||||||R^^v3-Confidentiality"), "", nil},
		"an unknown label":      {orm("NW|5^B||||||||||||||||||||||||||GEHEIM^^L"), "", []Unmapped{{"ORC-28", "0177", []string{"0177.label"}, "GEHEIM", "L"}}},
		"order of the standard": {orm("SN|5^B"), "", nil},
		"order control":         {orm("NEU|5^B"), "", []Unmapped{{"ORC-1", "0119", []string{"0119.task", "0119.request"}, "NEU", ""}}},
		"order status":          {orm("SC|5^B|||DONE"), "", []Unmapped{{"ORC-5", "0038", []string{"0038.task", "0038.request"}, "DONE", ""}}},
	} {
		p, err := LoadProfile([]byte(c.profile))
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse([]byte(c.message))
		if err != nil {
			t.Fatal(err)
		}
		r, err := ToFHIR(m, p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, r.Unmapped); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
