package translation

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write translate/tables/guide.tsv from the guide")

const publishedGuide = "../../translate/tables/guide.tsv"

// TestPublishedGuide holds that the rows of the guide which `translate --coverage` counts are
// the guide's, with the proof's own word on which of them can be computed.
func TestPublishedGuide(t *testing.T) {
	t.Parallel()
	have, err := os.ReadFile(publishedGuide)
	if err != nil && !*update {
		t.Fatal(err)
	}
	rows := guide(t)
	if corpus(t) == "" {
		for _, r := range rows {
			if !strings.Contains(string(have), r.published()) {
				t.Errorf("%s is not in %s", r.key(), publishedGuide)
			}
		}
		return
	}
	var b strings.Builder
	b.WriteString("# The mapped fields of the official guide (HL7 Version 2 to FHIR, STU1, CC0), and why a row cannot be computed.\n")
	b.WriteString("field\tmap\tcondition\ttarget\tassignment\tnot computable\n")
	for _, r := range rows {
		b.WriteString(r.published())
	}
	if *update {
		if err := os.WriteFile(publishedGuide, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what the guide says; run this test with -update", publishedGuide)
	}
}

func (r *guideRow) published() string {
	return strings.Join([]string{r.field, r.mapName, r.condition, r.target, r.assignment, r.why}, "\t") + "\n"
}
