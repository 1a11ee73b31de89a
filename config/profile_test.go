package config

import (
	"os"
	"path/filepath"
	"testing"

	"caregate/translate"
)

// TestExampleProfile: the example with every key is read in place as it is read alone.
func TestExampleProfile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(cases, "partner-profile.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := translate.LoadProfile(text)
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(cases, "partners/x.yaml", os.LookupEnv)
	var m MLLP
	d.decode([]byte("profile: partner-profile.yaml\n"), &m)
	if len(d.problems) > 0 {
		t.Fatal(d.problems)
	}
	if got := m.Profile; got.Lengths["NTE-3"] != want.Lengths["NTE-3"] || got.HD != want.HD || len(got.SendZ) != 1 || got.Charset != want.Charset || len(got.HoldCodes) != 4 {
		t.Errorf("read as %+v", got.Profile)
	}
}
