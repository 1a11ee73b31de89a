package translation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// readerFolder is where the independent reader is installed. It is asked only at full size,
// where npm is there.
func readerFolder(t *testing.T) string {
	t.Helper()
	if !full {
		t.Skip("the independent reader is asked at full size only")
	}
	dir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// installed installs the reader once, at the versions and hashes of its lock file.
var installed = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../.cache/readers")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json"} {
		want, err := os.ReadFile(filepath.Join("readers", name))
		if err != nil {
			return "", err
		}
		if have, _ := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(have, want) {
			fresh = false
		}
		if err := os.WriteFile(filepath.Join(dir, name), want, 0o600); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@medplum", "core")); err == nil && fresh {
		return dir, nil
	}
	if out, err := exec.Command("npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci (make prove needs npm): %w\n%s", err, out)
	}
	return dir, nil
})

// asked is one question to the reader, and what it answers.
type asked struct {
	V2       *string         `json:"v2,omitempty"`
	Resource json.RawMessage `json:"resource,omitempty"`
}

type answered struct {
	Segments []struct {
		Name   string         `json:"name"`
		Fields [][][][]string `json:"fields"`
	} `json:"segments"`
	Problems []string `json:"problems"`
}

// ask sends all questions to one process of the reader.
func ask(t *testing.T, questions []asked) []answered {
	t.Helper()
	var in bytes.Buffer
	for _, q := range questions {
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command("node", "readers/read.mjs", readerFolder(t))
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the reader: %v", err)
	}
	var answers []answered
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var a answered
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	return answers
}

// TestIndependentReaderReadsWhatWeWrite has every message that we write read by another
// parser, which must find the same segments and the same text in every component.
func TestIndependentReaderReadsWhatWeWrite(t *testing.T) {
	t.Parallel()
	readerFolder(t)
	p := proveProfile(t)
	var questions []asked
	var written []*hl7v2.Message
	var names []string
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		back, err := wayBack(s.bundle, p)
		if err != nil {
			t.Fatal(err)
		}
		text := string(back.Encode())
		questions, written, names = append(questions, asked{V2: &text}), append(written, back), append(names, s.name)
	}
	different, compared := 0, 0
	for i, a := range ask(t, questions) {
		n, diff := compareReading(written[i], a)
		compared += n
		if len(diff) > 0 {
			different++
			t.Errorf("%s: read differently at %s", names[i], strings.Join(diff[:min(3, len(diff))], ", "))
		}
	}
	figure(t, 7, "an independent parser reads what we write", len(questions), "components", compared, "different", different)
}

// compareReading compares our reading of a message with the reader's, component by component.
func compareReading(m *hl7v2.Message, a answered) (compared int, diff []string) {
	if len(a.Segments) != m.Len() {
		return 0, []string{fmt.Sprintf("%d segments, not %d", len(a.Segments), m.Len())}
	}
	for i, read := range a.Segments {
		segment := m.Segment(i)
		if read.Name != segment.Name() {
			diff = append(diff, "the name of segment "+fmt.Sprint(i))
			continue
		}
		for f := range read.Fields {
			n := f // fields[0] is the name; MSH counts its separator
			if segment.Name() == "MSH" {
				n = f + 1
			}
			if n < 1 || segment.Name() == "MSH" && n <= 2 {
				continue
			}
			for r, rep := range read.Fields[f] {
				for c, component := range rep {
					for sub, text := range component {
						compared++
						have := segment.Field(n).Rep(r + 1).Component(c + 1)
						if have.Sub(sub+1) != text && have.RawSub(sub+1) != text {
							diff = append(diff, fmt.Sprintf("%s-%d[%d].%d.%d", segment.Name(), n, r+1, c+1, sub+1))
						}
					}
				}
			}
		}
	}
	return compared, diff
}

// TestIndependentValidator has every resource that we produce validated by another validator.
func TestIndependentValidator(t *testing.T) {
	t.Parallel()
	readerFolder(t)
	var questions []asked
	var names []string
	bundles := 0
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		bundles++
		questions, names = append(questions, asked{Resource: s.bundle.JSON()}), append(names, s.name+" Bundle")
		for _, n := range fhir.Entries(s.bundle) {
			questions, names = append(questions, asked{Resource: n.JSON()}), append(names, s.name+" "+n.ResourceType())
		}
	}
	errors := tally{}
	for i, a := range ask(t, questions) {
		for _, problem := range a.Problems {
			_, kind, _ := strings.Cut(names[i], " ")
			errors[kind+" "+placeless(problem)]++
		}
	}
	report(t, "medplum-errors.txt", errors.top(500))
	figure(t, 5, "errors of @medplum/core validateResource", bundles, "resources", len(questions), "errors", errors.sum(), "worst", errors.top(6))
	must(t, errors.sum() == 0, "%d errors of an independent validator", errors.sum())
}

// hostile is what a FHIR string may hold and a v2 field may not: every delimiter, the ends
// of segments and of frames, an escape that looks whole, and letters beyond ASCII.
const hostile = "Zz|A^B~C&D\\E\\F\\ \r\nPID|1\x0b\x1c\rñ€"

// freeText are the elements that hold text a person wrote.
var freeText = []string{"family", "line", "city", "text", "display", "comment", "description", "title", "patientInstruction"}

// TestHostileText writes messages whose Bundles hold hostile text, and has them read by the
// other parser: the same segments and fields as without it, and the exact text.
func TestHostileText(t *testing.T) {
	t.Parallel()
	p := proveProfile(t)
	var questions []asked
	var plain []*hl7v2.Message
	injected := 0
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		clean := bareOf(s.bundle)
		calm, calmN := inject(clean, "Zz")
		bad, n := inject(clean, hostile)
		if n == 0 || n != calmN {
			continue
		}
		injected += n
		want, err := wayBack(calm, p)
		if err != nil {
			t.Fatal(err)
		}
		raw, _, err := translate.ToV2(bad, p, translate.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		questions, plain = append(questions, asked{V2: &text}), append(plain, want)
	}
	if !full {
		recoveredByUs(t, questions, plain)
		return
	}
	extra, exact, changed := 0, 0, 0
	where := tally{}
	for i, a := range ask(t, questions) {
		e, x, c := hostileReading(plain[i], a, where)
		extra, exact, changed = extra+e, exact+x, changed+c
	}
	figure(t, 7, "hostile text is written and recovered", injected, "messages", len(questions), "extraSegmentsOrFields", extra, "recoveredExactly", exact, "changed", changed, "extraWhere", where.top(8))
	must(t, extra == 0 && changed == 0, "%d extra segments or fields, %d texts changed", extra, changed)
	if exact == 0 {
		t.Error("no hostile text was recovered")
	}
}

// recoveredByUs is the reduced size: our own parser counts the segments.
func recoveredByUs(t *testing.T, questions []asked, plain []*hl7v2.Message) {
	for i, q := range questions {
		m, err := hl7v2.Parse([]byte(*q.V2))
		if err != nil {
			t.Fatal(err)
		}
		if m.Len() != plain[i].Len() {
			t.Errorf("%d segments, not %d", m.Len(), plain[i].Len())
		}
	}
	figure(t, 7, "hostile text adds no segment", len(questions))
}

// hostileReading compares the reading with the same message where the text is plain.
func hostileReading(plain *hl7v2.Message, a answered, where tally) (extra, exact, changed int) {
	if len(a.Segments) != plain.Len() {
		where["segments"]++
		return max(1, len(a.Segments)-plain.Len()), 0, 0
	}
	for i, read := range a.Segments {
		segment := plain.Segment(i)
		if read.Name != segment.Name() {
			extra++
			continue
		}
		for f := range read.Fields {
			n := f
			if segment.Name() == "MSH" {
				n = f + 1
			}
			for r, rep := range read.Fields[f] {
				for c, component := range rep {
					for sub, text := range component {
						was := segment.Field(n).Rep(r + 1).Component(c + 1).Sub(sub + 1)
						switch {
						case n < 1:
						case text == hostile && was == "Zz":
							exact++
						case was == "Zz":
							changed++
						case was == "" && text != "":
							extra++
							where[fmt.Sprintf("%s-%d.%d", segment.Name(), n, c+1)]++
						}
					}
				}
			}
		}
	}
	return extra, exact, changed
}

// inject returns a copy of the Bundle with the text in every element of free text.
func inject(bundle *fhir.Node, text string) (*fhir.Node, int) {
	out, n := bundle.Clone(), 0
	var walk func(node *fhir.Node, inside string)
	walk = func(node *fhir.Node, inside string) {
		if node.Kind() == fhir.Object {
			for name, child := range node.Members() {
				switch {
				case !slices.Contains(freeText, name) || node.Get("resourceType").Text() == "MessageHeader" || inside == "eventCoding" || inside == "meta":
				case child.Kind() == fhir.String:
					node.Set(name, fhir.NewString(text))
					n++
				}
			}
		}
		for name, child := range node.Members() {
			if name != "eventCoding" && name != "meta" && name != "source" && name != "destination" && name != "sender" {
				walk(child, name)
			}
		}
		for _, child := range node.Items() {
			walk(child, inside)
		}
	}
	for _, entry := range out.Get("entry").Items() {
		if entry.Get("resource").ResourceType() != "MessageHeader" {
			walk(entry.Get("resource"), "")
		}
	}
	return out, n
}
