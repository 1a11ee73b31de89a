package translation

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"caregate/fhir/fhirpath"
	"caregate/hl7v2"
)

// assertion is one expression about what a message becomes.
type assertion struct {
	message, path string
	wanted        string // "" with not: it must not hold
	not           bool
	ours          bool
}

// assertFile is one .assert.json beside a message.
type assertFile struct {
	Message string `json:"message"`
	Ack     string `json:"expect_ack"`
	Must    []struct {
		Path  string          `json:"fhirpath"`
		Equal json.RawMessage `json:"eq"`
	} `json:"must"`
	MustNot []string `json:"must_not"`
}

// TestAsserts evaluates every must and must_not on what we produce, and asks for the answer
// that the file expects: a message that is taken parses, passes the checks and translates.
func TestAsserts(t *testing.T) {
	t.Parallel()
	asserts, acks := readAsserts(t)
	byFile := map[string][]*sample{}
	for _, s := range samples(t) {
		byFile[s.file] = append(byFile[s.file], s)
	}
	count, ourCount, wrongAck := tally{}, tally{}, 0
	var failures []string
	for _, a := range asserts {
		list := byFile[a.message]
		if len(list) == 0 {
			if full {
				t.Errorf("%s: no such message", a.message)
			}
			continue
		}
		for _, s := range list {
			verdict := "held"
			if why := a.fails(s); why != "" {
				verdict = "failed"
				failures = append(failures, a.message+": "+a.path+": "+why)
			}
			if a.ours {
				ourCount[verdict]++
			} else {
				count[verdict]++
			}
		}
	}
	for _, f := range acks {
		if got := answerTo(t, f.Message); got != "" && got != f.Ack && (f.Ack == "AA") != (got == "AA") {
			wrongAck++
			failures = append(failures, f.Message+": is answered "+got+", expected "+f.Ack)
		}
	}
	report(t, "asserts-failed.txt", failures)
	for _, f := range failures {
		t.Log(f)
	}
	inputs := count.sum() + ourCount.sum()
	if corpus(t) == "" {
		t.Logf("the asserts are beside the corpus; none at reduced size")
		return
	}
	figure(t, 6, "asserts of the corpus", inputs, "held", count["held"], "failed", count["failed"], "oursHeld", ourCount["held"], "oursFailed", ourCount["failed"])
	figure(t, 6, "expected answers", len(acks), "wrong", wrongAck)
	must(t, len(failures) == 0, "%d asserts failed", len(failures))
	silent := withoutMust(asserts, acks)
	must(t, len(silent) == 0, "own messages without a must: %s", strings.Join(silent, ", "))
}

// readAsserts reads the files of the corpus and ours; each expression that is read
// differently is printed before and after.
func readAsserts(t *testing.T) ([]assertion, []assertFile) {
	t.Helper()
	dir := corpus(t)
	if dir == "" {
		return nil, nil
	}
	readings, err := tsv("testdata/readings.tsv")
	if err != nil {
		t.Fatal(err)
	}
	read := func(message, path string) string {
		for _, r := range readings {
			if r["message"] == message && r["printed"] == path {
				figure(t, 6, "read differently", 1, "message", message, "before", path, "after", r["read"], "reason", r["reason"])
				return r["read"]
			}
		}
		return path
	}
	files, err := filepath.Glob(filepath.Join(dir, "expected", "*.assert.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []assertion
	var acks []assertFile
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f assertFile
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		acks = append(acks, f)
		for _, m := range f.Must {
			all = append(all, assertion{message: f.Message, path: read(f.Message, m.Path), wanted: strings.Trim(string(m.Equal), `"`)})
		}
		for _, path := range f.MustNot {
			all = append(all, assertion{message: f.Message, path: read(f.Message, path), not: true})
		}
	}
	ours, err := tsv("testdata/asserts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ours {
		all = append(all, assertion{message: r["message"], path: r["fhirpath"], wanted: r["eq"], not: r["verb"] == "must_not", ours: true})
	}
	return all, acks
}

// fails says why the assertion does not hold on a message, "" where it does.
func (a assertion) fails(s *sample) string {
	if s.err != nil {
		return s.err.Error()
	}
	e, err := fhirpath.Compile(a.path)
	if err != nil {
		return err.Error()
	}
	if a.not {
		switch yes, err := e.Bool(s.bundle); {
		case err != nil:
			return err.Error()
		case yes:
			return "holds and must not"
		}
		return ""
	}
	nodes, err := e.Eval(s.bundle)
	if err != nil {
		return err.Error()
	}
	var texts []string
	for _, n := range nodes {
		texts = append(texts, n.Text())
	}
	if len(texts) != 1 || texts[0] != a.wanted {
		return "gives " + strings.Join(texts, ", ") + ", must be " + a.wanted
	}
	return ""
}

// answerTo is the class of answer to a file: refused where it does not split, parse or pass
// the checks that the listener makes. What goes over the wire is proved in TOPIC=house.
func answerTo(t *testing.T, message string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus(t), message))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := hl7v2.Split(data)
	if err != nil {
		return "AR"
	}
	for _, part := range parts {
		m, err := hl7v2.Parse(part)
		if err != nil {
			return "AR"
		}
		if m.Get("MSH-9.1") == "ACK" {
			return "none"
		}
		if len(hl7v2.Check(m)) > 0 {
			return "AE"
		}
	}
	return "AA"
}

// withoutMust returns the own messages that are taken and have no must.
func withoutMust(asserts []assertion, acks []assertFile) []string {
	var out []string
	for _, f := range acks {
		has := slices.ContainsFunc(asserts, func(a assertion) bool { return a.message == f.Message && !a.not })
		if !has && (f.Ack == "AA" || f.Ack == "none") {
			out = append(out, f.Message)
		}
	}
	return out
}
