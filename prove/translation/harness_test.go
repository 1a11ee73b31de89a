package translation

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/prove/proof"
	"caregate/translate"
)

// full says that every proof runs at full size, as make prove does.
var full = proof.Full()

// corpus is the folder of the v2 cases at full size, "" at reduced size.
func corpus(t *testing.T) string {
	t.Helper()
	dir := proof.Corpus(t)
	if !full {
		return ""
	}
	return filepath.Join(dir, "hl7v2")
}

// figure prints one figure of this topic.
func figure(t *testing.T, point int, name string, inputs int, pairs ...any) {
	t.Helper()
	proof.Figure(t, "translation", point, name, inputs, pairs...)
}

// share is part of whole in per cent, two decimals.
func share(part, whole int) float64 {
	return float64(int(float64(part)*10000/float64(max(whole, 1))+0.5)) / 100
}

// sample is one message of the corpus and what became of it.
type sample struct {
	name     string // file, and which message of it: "own_x.hl7#1"
	file     string
	category string // of INDEX.tsv: valid, odd, batch
	raw      []byte
	msg      *hl7v2.Message
	result   translate.Result
	err      error
	bundle   *fhir.Node // read again from its bytes, as a store would hand it out
}

func (s *sample) kind() string  { return s.msg.Get("MSH-9.1") }
func (s *sample) event() string { return s.msg.Get("MSH-9.1") + "^" + s.msg.Get("MSH-9.2") }

var loadOnce = struct {
	sync.Once
	all []*sample
	err error
}{}

// samples returns every message that is sound, translated once.
func samples(t *testing.T) []*sample {
	t.Helper()
	dir := corpus(t)
	loadOnce.Do(func() { loadOnce.all, loadOnce.err = load(dir, proveProfile(t)) })
	if loadOnce.err != nil {
		t.Fatal(loadOnce.err)
	}
	return loadOnce.all
}

func load(dir string, p translate.Profile) ([]*sample, error) {
	categories := map[string]string{}
	patterns := []string{"../../testdata/flows/*/*.hl7", "../../testdata/translate/*.hl7"}
	if dir != "" {
		patterns = append(patterns, filepath.Join(dir, "*.hl7"))
		rows, err := tsv(filepath.Join(dir, "INDEX.tsv"))
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			categories[r["file"]] = r["category"]
		}
	}
	var files []string
	for _, pattern := range patterns {
		more, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	var all []*sample
	for _, file := range files {
		name := filepath.Base(file)
		if categories[name] == "malformed" || strings.HasSuffix(name, ".back.hl7") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parts, err := hl7v2.Split(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for i, part := range parts {
			s := &sample{name: fmt.Sprintf("%s#%d", name, i+1), file: name, raw: part, category: cmp.Or(categories[name], "valid")}
			if err := s.translate(p); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func (s *sample) translate(p translate.Profile) error {
	var err error
	if s.msg, err = hl7v2.Parse(s.raw); err != nil {
		return err
	}
	s.result, s.err = translate.ToFHIR(s.msg, p)
	if s.err == nil {
		s.bundle, s.err = fhir.Parse(s.result.Bundle.JSON())
	}
	return nil // what the translator refuses is a figure, not the end of the proof
}

// proveProfile is the partner that all messages come from.
func proveProfile(t *testing.T) translate.Profile {
	t.Helper()
	data, err := os.ReadFile("testdata/profile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := translate.LoadProfile(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tsv reads a tab separated file whose first line names the columns; # is a comment.
func tsv(path string) ([]map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var head []string
	var rows []map[string]string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if head == nil {
			head = cells
			continue
		}
		row := map[string]string{}
		for i, cell := range cells {
			if i < len(head) {
				row[head[i]] = cell
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// tally counts by key.
type tally map[string]int

// keep keeps the entries above zero, most first, at most n.
func (c tally) top(n int) []string {
	keys := slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a, b))
	})
	var out []string
	for _, k := range keys[:min(n, len(keys))] {
		out = append(out, fmt.Sprintf("%s %d", k, c[k]))
	}
	return out
}

// report writes a list for the authors of the tables into the folder that PROVE_OUT names.
// It holds places and counts, never a value.
func report(t *testing.T, name string, lines []string) {
	t.Helper()
	dir := os.Getenv("PROVE_OUT")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// must fails at full size where a figure misses its target; the reduced size only reports.
func must(t *testing.T, ok bool, format string, args ...any) {
	t.Helper()
	if ok {
		return
	}
	if full {
		t.Errorf(format, args...)
	} else {
		t.Logf(format, args...)
	}
}

// fromFile reads and translates one message, after replacements.
func fromFile(t *testing.T, path string, oldNew ...string) *sample {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(strings.NewReplacer(oldNew...).Replace(string(data)))
	s := &sample{name: filepath.Base(path), file: filepath.Base(path), raw: data, category: "valid"}
	if err := s.translate(proveProfile(t)); err != nil {
		t.Fatal(err)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s
}

// leafOf returns where a leaf stands, the name of its field, and its text.
func leafOf(m *sample, l translate.Leaf) (hl7v2.Path, string, string) {
	at, err := hl7v2.ParsePath(l.Path)
	if err != nil {
		return at, "", ""
	}
	return at, fmt.Sprint(at.Segment, "-", at.Field), m.msg.At(at)
}
