package translate

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"caregate/fhir"
	"caregate/hl7v2"
)

var update = flag.Bool("update", false, "write the golden files anew")

const goldenDir = "../testdata/translate"

// TestGolden compares the Bundle, the accounting and the way back of each message with
// the files beside it. A new case is a message and -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.hl7"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".back.hl7") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			r := toFHIR(t, readMessage(t, file), flowProfile(t))
			for _, issue := range fhir.Validate(r.Bundle) {
				t.Errorf("%s: %s", issue.Path, issue.Text)
			}
			for _, ref := range dangling(r.Bundle) {
				t.Errorf("dangling reference at %s", ref)
			}
			back, issues, err := ToV2(r.Bundle, flowProfile(t), Meta{})
			if err != nil {
				t.Fatal(err)
			}
			base := strings.TrimSuffix(file, ".hl7")
			golden(t, base+".fhir.json", indent(t, r.Bundle.JSON()))
			golden(t, base+".accounting.json", accounting(t, r, issues))
			golden(t, base+".back.hl7", bytes.ReplaceAll(back, []byte("\r"), []byte("\n")))
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(file), diff)
	}
}

func indent(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", " "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// accounting writes one leaf and one issue per line.
func accounting(t *testing.T, r Result, back []Issue) []byte {
	t.Helper()
	var b bytes.Buffer
	line := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	for _, l := range r.Leaves {
		line(l)
	}
	for _, i := range r.Issues {
		line(i)
	}
	for _, i := range back {
		line(i)
	}
	return b.Bytes()
}

func readMessage(t testing.TB, file string) *hl7v2.Message {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := hl7v2.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func toFHIR(t testing.TB, m *hl7v2.Message, p Profile) Result {
	t.Helper()
	r, err := ToFHIR(m, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func resource(t *testing.T, bundle *fhir.Node, name string) *fhir.Node {
	t.Helper()
	for _, n := range fhir.Entries(bundle) {
		if n.ResourceType() == name {
			return n
		}
	}
	return nil
}

// TestOneReferral shows that every message about a referral gives the same resources.
func TestOneReferral(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	for _, kind := range []string{"ServiceRequest", "Task"} {
		ids := map[string]bool{}
		for _, name := range []string{"ref-i12", "ref-i13", "ref-i14", "rri-i12-to-state"} {
			r := toFHIR(t, readMessage(t, filepath.Join(goldenDir, name+".hl7")), p)
			ids[resource(t, r.Bundle, kind).ID()] = true
		}
		if len(ids) != 1 {
			t.Errorf("four messages about one referral made %d %ss", len(ids), kind)
		}
		other := toFHIR(t, readMessage(t, filepath.Join(goldenDir, "rri-i12-accepted.hl7")), p)
		if ids[resource(t, other.Bundle, kind).ID()] {
			t.Errorf("the same number of another authority is another %s", kind)
		}
	}
}

// TestStatus reads what became of a referral, and reads nothing where nothing is said.
func TestStatus(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ task, request, response string }{
		"ref-i12":          {"requested", "active", ""},
		"rri-i12-accepted": {"accepted", "active", "ok"},
		"rri-i12-rejected": {"rejected", "revoked", "ok"},
		"rri-i12-error":    {"", "", "fatal-error"},
		"ref-i12-odd":      {"", "unknown", ""},
		"ref-i14":          {"cancelled", "revoked", ""},
	} {
		r := toFHIR(t, readMessage(t, filepath.Join(goldenDir, name+".hl7")), flowProfile(t))
		got := struct{ task, request, response string }{
			resource(t, r.Bundle, "Task").Get("status").Text(),
			resource(t, r.Bundle, "ServiceRequest").Get("status").Text(),
			resource(t, r.Bundle, "MessageHeader").At("response.code").Text(),
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	r := toFHIR(t, readMessage(t, filepath.Join(goldenDir, "rri-i12-rejected.hl7")), flowProfile(t))
	if got := resource(t, r.Bundle, "Task").At("statusReason.coding[0].display").Text(); got != "Not accepting new patients" {
		t.Errorf("statusReason is %q", got)
	}
}

// FuzzToFHIR: whatever parses is answered: a Bundle that is valid, the same twice, fully accounted for;
// its way back is a message, and where that has the segments that came, the way there and back from it
// is the same message again.
func FuzzToFHIR(f *testing.F) {
	for _, pattern := range []string{filepath.Join(goldenDir, "*.hl7"), "../testdata/flows/*/*.hl7", "../testdata/hl7v2/*.hl7"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no messages at %s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	p, err := LoadProfile([]byte("zone: America/Chicago"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := hl7v2.Parse(data)
		if err != nil {
			return
		}
		r := toFHIR(t, m, p)
		if len(r.Leaves) != valuedLeaves(m) {
			t.Errorf("%d leaves accounted for, %d are valued", len(r.Leaves), valuedLeaves(m))
		}
		if again := toFHIR(t, m, p); !bytes.Equal(again.Bundle.JSON(), r.Bundle.JSON()) {
			t.Error("two runs differ")
		}
		if refs := dangling(r.Bundle); len(refs) > 0 {
			t.Errorf("dangling references: %v", refs)
		}
		for _, issue := range fhir.Validate(r.Bundle) {
			t.Errorf("%s: %s", issue.Path, issue.Text)
		}
		back, _, err := ToV2(r.Bundle, p, Meta{})
		if err != nil {
			t.Fatal(err)
		}
		second, err := hl7v2.Parse(back)
		if err != nil {
			t.Fatalf("the way back is no message: %v", err)
		}
		again, _, err := ToV2(toFHIR(t, second, p).Bundle, p, Meta{})
		if err != nil || (slices.Equal(segmentNames(m), segmentNames(second)) && !bytes.Equal(again, back)) {
			t.Errorf("the second way back is another message: %v", err)
		}
	})
}

func segmentNames(m *hl7v2.Message) (names []string) {
	for i := range m.Len() {
		names = append(names, m.Segment(i).Name())
	}
	return names
}

func parse(t *testing.T, text string) *hl7v2.Message {
	t.Helper()
	m, err := hl7v2.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
