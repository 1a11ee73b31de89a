package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caregate/adapters"
)

func TestAddCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	referral := adapters.Unmapped{Location: "RF1-1", Table: "0283", Elements: []string{"0283.task", "0283.request"}, Code: "AP"}
	order := adapters.Unmapped{Location: "ORC-1", Table: "0119", Elements: []string{"0119.task", "0119.request"}, Code: "XCAN"}
	for _, c := range []struct {
		u     adapters.Unmapped
		as    string
		means []string
		wrong string
	}{
		{referral, "A", nil, ""},
		{order, "CA", nil, ""},
		{adapters.Unmapped{Table: "0283", Elements: []string{"0283.task"}, Code: "HOLD"}, "", []string{"on-hold"}, ""},
		{adapters.Unmapped{Table: "0283", Elements: referral.Elements, Code: "DONE"}, "", []string{"0283.task=completed", "0283.request=revoked"}, ""},
		{referral, "", []string{"0283.task=accepted"}, "0283.request: one of active, revoked"},
		{referral, "", []string{"no such status"}, "one of"},
		{referral, "ZZ", nil, "no code ZZ"},
		{adapters.Unmapped{Table: "0283", Elements: referral.Elements}, "A", nil, "no plain code"},
	} {
		_, err := AddCodes(dir, "clinic", c.u, c.as, c.means)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s as %q means %v: %v, want %q", c.u.Code, c.as, c.means, err, c.wrong)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, CodesDir, "clinic.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := `# What codes of clinic mean that no table of HL7 v2 has. Written by caregate work resolve; may be edited.
codes:
  "0119.end-request":
    "XCAN": "revoked"
  "0119.end-task":
    "XCAN": "cancelled"
  "0283.request":
    "AP": "active"
    "DONE": "revoked"
  "0283.task":
    "AP": "accepted"
    "DONE": "completed"
    "HOLD": "on-hold"
`
	if string(text) != want {
		t.Errorf("wrote\n%s", text)
	}
}
