package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exampleFiles answers with the official examples: all of npm hl7.fhir.r4.examples when
// CAREGATE_EXAMPLES names its unpacked folder, the committed selection otherwise (never with
// CAREGATE_PROVE=full).
func exampleFiles(tb testing.TB) []string {
	tb.Helper()
	dir, least := os.Getenv("CAREGATE_EXAMPLES"), 5300
	if _, err := os.Stat(dir); err != nil && os.Getenv("CAREGATE_PROVE") != "full" {
		dir, least = filepath.Join("..", "testdata", "fhir", "examples"), 40
	}
	all, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(all) < least {
		tb.Fatalf("%d examples in %s, want at least %d: %v", len(all), dir, least, err)
	}
	return all
}

// published admits the three Bundles of definitions that are larger than Parse takes from a partner.
var published = Limits{Nodes: 10_000_000, Bytes: 128 << 20}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestExamplesSurviveRoundTrip(t *testing.T) {
	t.Parallel()
	var typed, generic int
	for _, name := range exampleFiles(t) {
		original := readFile(t, name)
		n, err := ParseWithin(original, published)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		typed, generic = count(n, typed, generic)
		back, err := throughStructs(n)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		if err := sameJSON(original, back.JSON()); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
	t.Logf("%d resources through structs, %d through the generic node", typed, generic)
	if typed == 0 || generic == 0 {
		t.Error("one of the two ways was not taken")
	}
}

func count(n *Node, typed, generic int) (int, int) {
	if newResource(n.ResourceType()) != nil {
		typed++
	} else if n.ResourceType() != "" {
		generic++
	}
	for _, m := range n.members {
		typed, generic = count(m, typed, generic)
	}
	return typed, generic
}

// throughStructs decodes and encodes every resource that has a struct, innermost first:
// contained resources, Bundle entries and parameters included. It changes n.
func throughStructs(n *Node) (*Node, error) {
	for i, m := range n.members {
		if m.kind < Array {
			continue
		}
		back, err := throughStructs(m)
		if err != nil {
			return nil, err
		}
		n.members[i] = back
	}
	if newResource(n.ResourceType()) == nil {
		return n, nil
	}
	v, err := DecodeResource(n)
	if err != nil {
		return nil, err
	}
	return Encode(v)
}

// sameJSON compares two documents token by token with the standard library: numbers as text,
// members in order.
func sameJSON(a, b []byte) error {
	da, db := json.NewDecoder(bytes.NewReader(a)), json.NewDecoder(bytes.NewReader(b))
	da.UseNumber()
	db.UseNumber()
	for {
		ta, errA := da.Token()
		tb, errB := db.Token()
		if errA == io.EOF && errB == io.EOF {
			return nil
		}
		if errA != nil || errB != nil {
			return fmt.Errorf("documents end differently: %w", errors.Join(errA, errB))
		}
		if ta != tb {
			return fmt.Errorf("differs at byte %d: %.60v and %.60v", da.InputOffset(), ta, tb)
		}
	}
}

// Decoding must not lean on what it was given: a struct that is edited changes in that place only.
func TestEditChangesOnlyThat(t *testing.T) {
	t.Parallel()
	const before = `{"id":"p1","resourceType":"Patient","x-unknown":[1.10,{"a":"b"}],"active":false,` +
		`"name":[{"given":[null,"Ann"],"_given":[{"id":"g"},null],"family":"Zztest"}],"birthDate":"2016-03-01",` +
		`"_birthDate":{"extension":[{"url":"urn:x","valueDecimal":1.00}]},"telecom":[]}`
	n, err := Parse([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode[Patient](n)
	if err != nil {
		t.Fatal(err)
	}
	edits := []struct {
		name, old, new string
		edit           func()
	}{
		{"nothing", "", "", func() {}},
		{"value", `"Zztest"`, `"Zzother"`, func() { *p.Name[0].Family = "Zzother" }},
		{"extension", `1.00`, `2.50`, func() { *p.BirthDateElement.Extension[0].ValueDecimal = "2.50" }},
		{"null filled", `[null,"Ann"]`, `["Zoe","Ann"]`, func() { p.Name[0].Given[0] = "Zoe" }},
		{"removed", `"active":false,`, ``, func() { p.Active = nil }},
		{"added", `"telecom":[]}`, `"telecom":[],"gender":"female"}`, func() {
			female := AdministrativeGenderFemale
			p.Gender = &female
		}},
		{"unheld replaced", `"telecom":[]`, `"telecom":[{"value":"555-0100"}]`, func() {
			number := "555-0100"
			p.Telecom = []ContactPoint{{Value: &number}}
		}},
	}
	want := before
	for _, e := range edits { // one after the other on the same struct
		e.edit()
		want = strings.Replace(want, e.old, e.new, 1)
		back, err := Encode(&p)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(back.JSON()); got != want {
			t.Errorf("%s:\n got %s\nwant %s", e.name, got, want)
		}
	}
}

func TestDecodeRefusesAnotherResource(t *testing.T) {
	t.Parallel()
	n := NewResource("Observation")
	if _, err := Decode[Patient](n); err == nil {
		t.Error("an Observation was read as a Patient")
	}
	if _, err := Decode[*Observation](n); err != nil {
		t.Error(err)
	}
	if _, err := DecodeResource(NewResource("Library")); !errors.Is(err, ErrType) {
		t.Errorf("Library: %v, want ErrType", err)
	}
}

func TestZeroStructHasNoMembers(t *testing.T) {
	t.Parallel()
	// samply's models write "status":"draft" here.
	n, err := Encode(Consent{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(n.JSON()); got != `{"resourceType":"Consent"}` {
		t.Error(got)
	}
}
