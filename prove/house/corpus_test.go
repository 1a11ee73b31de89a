package house

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"caregate/hl7v2"
	"caregate/prove/proof"
)

// corpusCase is one file that is sent as one frame.
type corpusCase struct {
	name, category string
	expect         string // class of the answer: AA, AE, AR, none, or "AE or AR"
	where          string // of the first ERR, such as "PID^1^3"; "" for anywhere
	data           []byte
}

const noControlID = "MSH-10 is empty: there is no name under which the message could be accepted (HL7 v2.5.1 chapter 2)"

// argued are files whose category does not say what the standard says of them.
var argued = map[string]struct{ expect, reason string }{
	"rethink_invalid_trailing_empty_fields.hl7":  {"AA", "empty fields at the end of a segment are allowed (HL7 v2.5.1 chapter 2), and 58 valid files of the corpus have them; what it breaks is the style of one linter"},
	"lfh_adt_a01_hl7expressiontest_l202.hl7":     {"AR", noControlID},
	"lfh_adt_a01_resourceexpressiontest_l99.hl7": {"AR", noControlID},
	"lfh_oml_o21_hl7oml_l84.hl7":                 {"AR", noControlID},
	"lfh_oml_o21_hl7oml_l119.hl7":                {"AR", noControlID},
}

// faults are the places in those malformed files where one field is at fault; the others have no header or no segments.
var faults = map[string]string{
	"own_bad_missing_msh9.hl7": "MSH^1^9", "own_bad_pid3_empty.hl7": "PID^1^3", "own_bad_wrong_separators_mixed.hl7": "PID^1",
	"own_bad_no_msh.hl7": "MSH", "own_bad_xml_encoding.hl7": "MSH", "rethink_invalid_missing_msh.hl7": "MSH",
}

// result is what became of one file.
type result struct {
	corpusCase
	wanted, got []string // one answer for each message, "none" included
	problems    []string
	messages    int
	bytes       int
}

// TestCorpusIsAnswered sends every file to a gateway of its own on a fresh data directory.
func TestCorpusIsAnswered(t *testing.T) {
	cases := committedCases(t)
	if full {
		cases = corpusCases(t, filepath.Join(proof.Corpus(t), "hl7v2"))
	}
	began := time.Now()
	config := extract(t, "permissive")
	var lock sync.Mutex
	var results []result
	t.Run("file", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				r := c.prove(t, config)
				lock.Lock()
				defer lock.Unlock()
				results = append(results, r)
			})
		}
	})
	if full && len(results) < 190 {
		t.Errorf("%d files, the corpus has 194", len(results))
	}
	report(t, results, time.Since(began))
}

// report prints the figures: for each category and expected answer what came.
func report(t *testing.T, results []result, took time.Duration) {
	table := map[string]int{}
	var answers, messages, size, mismatches, argue int
	for _, r := range results {
		for i := range max(len(r.wanted), len(r.got)) {
			table[fmt.Sprintf("%s expects %s got %s", r.category, at(r.wanted, i), at(r.got, i))]++
			answers++
		}
		messages, size = messages+r.messages, size+r.bytes
		mismatches += min(1, len(r.problems))
		if why, ok := argued[r.name]; ok {
			argue++
			figure(t, 5, "argued", 1, "file", r.name, "category", r.category, "expects", why.expect, "reason", why.reason)
		}
	}
	figure(t, 5, "corpus answered", len(results), "answers", answers, "table", table, "mismatches", mismatches,
		"argued", argue, "rawMessagesIdentical", messages, "rawBytesIdentical", size, "seconds", int(took.Seconds()))
	if answers == 0 || messages == 0 {
		t.Error("no answer or no stored message was compared")
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

// prove sends the case and looks at the answers, at the gateway afterwards, and at what it kept.
func (c corpusCase) prove(t *testing.T, config string) result {
	s := newServed(t, config, nil, false)
	s.Start()
	r := result{corpusCase: c, wanted: c.wanted()}
	r.got, r.problems = c.send(t, s.Addresses.MLLP["anyone"])
	if !slices.EqualFunc(r.wanted, r.got, strings.Contains) {
		r.problems = append(r.problems, fmt.Sprintf("answers %v, want %v", r.got, r.wanted))
	}
	if status, body := s.get(t, "/healthz"); status != http.StatusOK || body != "ok\n" {
		r.problems = append(r.problems, fmt.Sprintf("/healthz %d %q", status, body))
	}
	r.kept(t, s)
	s.Stop()
	for _, p := range r.problems {
		t.Error(p)
	}
	return r
}

// good is a message that is sound whatever came before it.
func good(controlID string) []byte {
	return []byte("MSH|^~\\&|A|B|C|D|20250402||ADT^A08^ADT_A01|" + controlID + "|T|2.5.1\rEVN|A08|20250402\rPID|1||900^^^N^MR||Zztest^Rowan||20150402|F\rPV1|1|O\r")
}

const afterwards = "AFTERWARDS"

// send sends the frame and, on the same connection, a good message. What is answered before
// that one is, answers the frame; so an answer that must not come needs no waiting.
func (c corpusCase) send(t *testing.T, address string) (got, problems []string) {
	conn, err := proof.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(slices.Concat(hl7v2.Frame(c.data), hl7v2.Frame(good(afterwards)))); err != nil {
		t.Fatal(err)
	}
	headers := c.headers()
	due := slices.DeleteFunc(slices.Clone(headers), func(h wireHeader) bool { code, _ := h.answer(c.expect); return code == "none" })
	for {
		ack, err := conn.Frames.Read()
		if err != nil {
			return got, append(problems, fmt.Sprintf("no answer to the good message that followed: %v", err))
		}
		m, err := hl7v2.Parse(ack)
		if err != nil {
			return got, append(problems, fmt.Sprintf("answer is no message: %v", err))
		}
		if m.Get("MSA-2") == afterwards {
			if code := m.Get("MSA-1"); code != "AA" {
				problems = append(problems, "the good message that followed was answered "+code)
			}
			return c.silences(got), problems
		}
		if n := len(got); n < len(due) && m.Get("MSA-2") != due[n].controlID {
			problems = append(problems, fmt.Sprintf("answer %d names message %q, not %q", n, m.Get("MSA-2"), due[n].controlID))
		}
		if code := m.Get("MSA-1"); code != "AA" && code != "CA" {
			if where := located(m); where == "" || !strings.HasPrefix(where, c.where) {
				problems = append(problems, fmt.Sprintf("%s with an ERR at %q, want it at %q", code, where, c.where))
			}
		}
		got = append(got, m.Get("MSA-1"))
	}
}

// silences fills in the answers that were not due and did not come.
func (c corpusCase) silences(got []string) []string {
	for i, want := range c.wanted() {
		if want == "none" && len(got) < len(c.headers()) {
			got = slices.Insert(got, min(i, len(got)), "none")
		}
	}
	return got
}

// located returns the place of the first ERR that has a code: ERR-2 and ERR-3, before v2.5 ERR-1.
func located(ack *hl7v2.Message) string {
	place := func(field hl7v2.Field, parts int) string {
		var texts []string
		for i := range parts {
			texts = append(texts, field.Rep(1).Component(i+1).Text())
		}
		return strings.TrimRight(strings.Join(texts, "^"), "^")
	}
	segment := ack.First("ERR")
	switch {
	case ack.Get("ERR-3.1") != "":
		return place(segment.Field(2), 6)
	case ack.Get("ERR-1.4.1") != "":
		return place(segment.Field(1), 3)
	}
	return ""
}

// wireHeader is what the standard's rules of acknowledgement look at, read by this test alone.
type wireHeader struct{ kind, controlID, accept, application string }

var (
	headerLine   = regexp.MustCompile(`(?m)^(?:\x{FEFF})?MSH.*$`)
	envelopeLine = regexp.MustCompile(`^(?:FHS|BHS|BTS|FTS)\b`)
	lineBreak    = regexp.MustCompile(`\r\n|\r|\n`)
)

// headers returns a header for each message of the frame, and an empty one where there is no MSH.
func (c corpusCase) headers() []wireHeader {
	var all []wireHeader
	for _, line := range headerLine.FindAll(lineBreak.ReplaceAll(c.data, []byte("\n")), -1) {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		f := append(bytes.Split(line, line[3:4]), make([][]byte, 16)...)
		all = append(all, wireHeader{kind: string(f[8]), controlID: string(f[9]), accept: string(bytes.TrimSpace(f[14])), application: string(bytes.TrimSpace(f[15]))})
	}
	if len(all) == 0 {
		all = []wireHeader{{}}
	}
	return all
}

// answer is the code that is due: HL7 v2.5.1 section 2.9, table 0155.
func (h wireHeader) answer(expect string) (code string, due bool) {
	condition := h.application
	switch {
	case strings.HasPrefix(h.kind, "ACK"), expect == "none":
		return "none", false
	case h.accept == "" && h.application == "":
		return expect, true
	case h.accept != "" && h.accept != "NE":
		expect, condition = strings.NewReplacer("AA", "CA", "AE", "CE", "AR", "CR").Replace(expect), h.accept
	}
	if taken := expect[1] == 'A'; condition == "AL" || condition == "ER" && !taken || condition == "SU" && taken {
		return expect, true
	}
	return "none", false
}

func (c corpusCase) wanted() []string {
	var codes []string
	for _, h := range c.headers() {
		code, _ := h.answer(c.expect)
		codes = append(codes, code)
	}
	return codes
}

// parts are the bytes of each message of the frame, the envelopes of a batch left out.
func (c corpusCase) parts() [][]byte {
	if len(c.headers()) < 2 {
		return [][]byte{c.data}
	}
	var parts [][]byte
	open := false
	for line := range bytes.Lines(bytes.ReplaceAll(c.data, []byte("\r"), []byte("\r\n"))) {
		line = append(bytes.TrimSuffix(line, []byte("\r\n")), '\r')
		switch {
		case headerLine.Match(line):
			parts, open = append(parts, line), true
		case envelopeLine.Match(line):
			open = false
		case open:
			parts[len(parts)-1] = append(parts[len(parts)-1], line...)
		}
	}
	return parts
}

// kept compares what raw gives for every message that the gateway stored with what was sent.
func (r *result) kept(t *testing.T, s *served) {
	var stored [][]byte
	for _, id := range s.messages(t) {
		raw, stderr, exit := s.Run(true, "raw", id, "--reason", "proof")
		if exit != 0 {
			r.problems = append(r.problems, fmt.Sprintf("raw %s: exit %d, %s", id, exit, stderr))
		}
		stored = append(stored, []byte(raw))
	}
	sent := append(r.parts(), good(afterwards))
	r.messages = len(sent)
	for _, part := range sent {
		r.bytes += len(part)
		i := slices.IndexFunc(stored, func(have []byte) bool { return bytes.Equal(have, part) })
		if i < 0 {
			r.problems = append(r.problems, fmt.Sprintf("no stored message has the %d bytes of %.40q", len(part), part))
			continue
		}
		stored = slices.Delete(stored, i, i+1)
	}
	if len(stored) > 0 {
		r.problems = append(r.problems, fmt.Sprintf("%d messages are stored that were not sent, such as %.40q", len(stored), stored[0]))
	}
}

// messages are the ids of the messages that wait for a person; here that is every message.
func (s *served) messages(t *testing.T) []string {
	t.Helper()
	out, stderr, exit := s.Run(true, "work", "list", "--state", "all", "--json")
	var list struct {
		Work []struct {
			Message string `json:"message"`
		} `json:"work"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || exit != 0 {
		t.Fatalf("work list: exit %d, %v, %s", exit, err, stderr)
	}
	ids := map[string]bool{}
	for _, w := range list.Work {
		ids[w.Message] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// get reads one page of the gateway's HTTP listener.
func (s *served) get(t *testing.T, path string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + s.Addresses.HTTP + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// extract writes the files of testdata/NAME.txtar, a whole configuration, into a new folder.
func extract(t *testing.T, name string) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "config")
	for _, f := range archive.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, f.Data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// corpusCases reads INDEX.tsv of the corpus and what each file's assertions expect.
func corpusCases(t *testing.T, dir string) []corpusCase {
	t.Helper()
	var cases []corpusCase
	for _, row := range table(t, filepath.Join(dir, "INDEX.tsv")) {
		c := corpusCase{name: row["file"], category: row["category"], data: readFile(t, filepath.Join(dir, row["file"]))}
		c.expect = "AA"
		if c.category == "malformed" {
			c.expect = "AE or AR"
		}
		if strings.HasSuffix(row["expected"], ".assert.json") {
			var expected struct {
				Ack string `json:"expect_ack"`
			}
			if err := json.Unmarshal(readFile(t, filepath.Join(dir, row["expected"])), &expected); err != nil {
				t.Fatal(err)
			}
			if expected.Ack != "" {
				c.expect = expected.Ack
			}
		}
		if a, ok := argued[c.name]; ok {
			c.expect = a.expect
		}
		c.where = faults[c.name]
		cases = append(cases, c)
	}
	return cases
}

// committedCases are the cases of testdata/corpus.tsv.
func committedCases(t *testing.T) []corpusCase {
	t.Helper()
	var cases []corpusCase
	for _, row := range table(t, filepath.Join("testdata", "corpus.tsv")) {
		cases = append(cases, corpusCase{
			name: filepath.Base(row["file"]), category: row["category"], expect: row["expect_ack"], where: row["where"],
			data: readFile(t, filepath.Join("..", "..", "testdata", filepath.FromSlash(row["file"]))),
		})
	}
	return cases
}

// table reads a file of tab-separated values with a line of names.
func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(readFile(t, path)))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", path, len(rows), err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		named := map[string]string{}
		for i, name := range rows[0] {
			named[name] = at(row, i)
		}
		out = append(out, named)
	}
	return out
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
