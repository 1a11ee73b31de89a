package hl7v2

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// messages returns the HL7 files of the committed cases and flows, and of the corpus when it is at hand.
func messages(t testing.TB) map[string][]byte {
	t.Helper()
	patterns := []string{"../testdata/hl7v2/*.hl7", "../testdata/flows/*/*.hl7"}
	if corpus := os.Getenv("CAREGATE_CORPUS"); corpus != "" {
		patterns = append(patterns, filepath.Join(corpus, "hl7v2", "*.hl7"))
	}
	found := map[string][]byte{}
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no messages at %s: %v", pattern, err)
		}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found[name] = raw
		}
	}
	return found
}

// lineEnds writes every line end as \r.
func lineEnds(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\r"))
	return bytes.ReplaceAll(raw, []byte("\n"), []byte("\r"))
}

// refused are the files that are no messages, and where that shows.
var refused = map[string]string{
	"own_bad_no_msh.hl7":                 "MSH 100",
	"own_bad_xml_encoding.hl7":           "MSH 100",
	"rethink_invalid_missing_msh.hl7":    "MSH 100",
	"own_bad_wrong_separators_mixed.hl7": "PID 102",
	"bad_no_msh.hl7":                     "MSH 100",
	"bad_xml.hl7":                        "MSH 100",
	"bad_separators_mixed.hl7":           "PID 102",
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	read := 0
	for name, raw := range messages(t) {
		want := refused[filepath.Base(name)]
		parts, err := Split(raw)
		var m *Message
		for _, part := range parts {
			if m, err = Parse(part); err != nil {
				break
			}
			read++
			if got := m.Encode(); !bytes.Equal(got, lineEnds(part)) {
				t.Errorf("%s: encoding differs from what was parsed", name)
			}
		}
		if got := codeAt(err); got != want {
			t.Errorf("%s: refused at %q, want %q", name, got, want)
		}
	}
	if read < 20 {
		t.Fatalf("only %d messages were read", read)
	}
	t.Logf("%d messages, encode(parse(x)) == x", read)
}

// codeAt returns place and code of a ParseError, "" for none.
func codeAt(err error) string {
	if e, ok := errors.AsType[*ParseError](err); ok {
		return e.Location().String() + " " + e.Code
	}
	return ""
}

const sample = "MSH|^~\\&|CMO^1.2.3^ISO|FAC|GW|SOC|20261027140530-0500||REF^I12^REF_I12|C-1|T|2.5.1|||AL|NE||UNICODE UTF-8\r" +
	"PID|1||900^^^IL&1.2&ISO^SR~T7^^^ZZ^MR~\"\"||Zztest^Rowan||\"\"|M\r" +
	"OBX|1|TX|8^Note^LN||Mom \\T\\ Dad \\.br\\at 5\\F\\6||||||F\r" +
	"OBX|2|TX|8^Note^LN||Path C:\\temp\\new and 50% \\|x\r" +
	"zpi|1|court\r"

func TestGet(t *testing.T) {
	t.Parallel()
	m, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"MSH-1": "|", "MSH-2": `^~\&`, "MSH-2.1": `^~\&`, "MSH-3": "CMO^1.2.3^ISO", "MSH-9.2": "I12", "MSH-10": "C-1",
		"MSH-18": "UNICODE UTF-8", "MSH-19": "", "PID-3": "900^^^IL&1.2&ISO^SR", "PID-3.4": "IL&1.2&ISO", "PID-3.4.2": "1.2",
		"PID-3[2].4.1": "ZZ", "PID-3[2].4": "ZZ", "PID-3[3]": "", "PID-3[4].1": "", "PID-7": "", "PID-5.1": "Zztest",
		"OBX-5": "Mom & Dad \nat 5|6", "OBX(2)-5": `Path C:\temp\new and 50% \`, "OBX(2)-6": "x", "OBX(3)-1": "",
		"ZPI-2": "court", "ZZZ-1": "", "PID": "", "": "", "PID-0": "", "PID-x": "", "PID-3[0].1": "", "PID-3.4.2.1": "",
	} {
		if got := m.Get(path); got != want {
			t.Errorf("Get(%q) = %q, want %q", path, got, want)
		}
	}
	pid := m.First("PID")
	if f := pid.Field(7); f.Valued() || !f.Null() || f.Raw() != `""` {
		t.Error("PID-7 is null, and shall not count as valued")
	}
	if n := pid.Field(3).Repetitions(); n != 3 {
		t.Errorf("PID-3 has %d repetitions, want 3", n)
	}
	if s := m.Segment(4); s.Name() != "ZPI" || s.Index() != 4 || s.Sequence() != 1 || s.FieldCount() != 2 {
		t.Errorf("segment 4 is %s %d %d %d", s.Name(), s.Index(), s.Sequence(), s.FieldCount())
	}
}

func TestZeroValuesAreAbsent(t *testing.T) {
	t.Parallel()
	var s Segment
	if s.Valid() || s.Name() != "" || s.Index() != -1 || s.FieldCount() != 0 || s.Raw() != "" || s.Sequence() != 0 {
		t.Error("the zero Segment shall be invalid")
	}
	c := s.Field(1).Rep(1).Component(1)
	if c.Text() != "" || c.Valued() || c.Sub(1) != "" || s.Field(1).Repetitions() != 0 || s.Field(1).Rep(1).Components() != 0 {
		t.Error("what is absent shall be empty")
	}
}

func TestParseRefusesWithLocation(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"empty", "", "MSH 100"},
		{"no separators", "MSH", "MSH-1 101"},
		{"no encoding characters", "MSH|\r", "MSH-2 101"},
		{"empty encoding characters", "MSH||A|B\r", "MSH-2 101"},
		{"letter as separator", "MSHA^~\\&A\r", "MSH-2 102"},
		{"same separator twice", "MSH|^~^&|A\r", "MSH-2 102"},
		{"escaped by XML", "MSH|^~\\&amp;|A\r", "MSH-2 102"},
		{"non-ASCII separator", "MSH\xa6^~\\&\xa6A\r", "MSH-2 102"},
		{"second message", "MSH|^~\\&|A\rMSH|^~\\&|B\r", "MSH(2) 100"},
		{"wrong separator", "MSH|^~\\&|A\rOBX|1\rOBX;2\r", "OBX(2) 102"},
		{"text line", "MSH|^~\\&|A\rSmith had a fever\r", " 102"},
		{"text line after \\n", "MSH|^~\\&|A\nPID|1\nSmith\n", " 102"},
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.in))
		if got := codeAt(err); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "Smith") {
			t.Errorf("%s: the error carries a value", tt.name)
		}
	}
}

func TestParseTolerates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in     string
		segments     int
		path, at, to string
	}{
		{"CR", "MSH|^~\\&|A\rPID|1||X\r", 2, "PID-3", "X", ""},
		{"LF", "MSH|^~\\&|A\nPID|1||X\n", 2, "PID-3", "X", ""},
		{"CRLF", "MSH|^~\\&|A\r\nPID|1||X\r\n", 2, "PID-3", "X", ""},
		{"no last end", "MSH|^~\\&|A\rPID|1||X", 2, "PID-3", "X", ""},
		{"BOM and blank lines", "\xef\xbb\xbf\r\nMSH|^~\\&|A\r\rPID|1||X\r\r\n", 2, "PID-3", "X", ""},
		{"lower case", "MSH|^~\\&|A\rpid|1||X\r", 2, "PID-3", "X", ""},
		{"unescaped line feed in text", "MSH|^~\\&|A\rOBX|1|TX|a\nline two: b|c\rPID|1||X\r", 3, "OBX-3", "a\nline two: b", "keep"},
		{"other delimiters", "MSH$*!/@$A\rPID$1$$9***N@1.2@ISO*MR!8\r", 2, "PID-3.4.2", "1.2", ""},
		{"five encoding characters", "MSH|^~\\&#|A\rPID|1||a\\P\\b\r", 2, "PID-3", "a#b", ""},
		{"doubled escape", "MSH|^~\\\\&|A\rPID|1||^^^N&1.2\r", 2, "PID-3.4.2", "1.2", ""},
		{"two encoding characters", "MSH|^~|A\rPID|1||a\\F\\b&c~d\r", 2, "PID-3.1.1", `a\F\b&c`, ""},
		{"name only", "MSH|^~\\&|A\rEVN\rPID|1||X", 3, "PID-3", "X", ""},
	}
	for _, tt := range tests {
		m, err := Parse([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if m.Len() != tt.segments || m.Get(tt.path) != tt.at {
			t.Errorf("%s: %d segments, %s = %q", tt.name, m.Len(), tt.path, m.Get(tt.path))
		}
		want := string(lineEnds([]byte(tt.in)))
		if tt.to == "keep" {
			want = tt.in
		}
		if got := string(m.Encode()); got != want {
			t.Errorf("%s: encoded %q", tt.name, got)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	t.Parallel()
	many := "MSH|^~\\&|A\r" + strings.Repeat("NTE\r", MaxSegments)
	if _, err := Parse([]byte(many)); codeAt(err) != "NTE 207" {
		t.Errorf("one segment too many: %v", err)
	}
	if m, err := Parse([]byte(many[:len(many)-4])); err != nil || m.Len() != MaxSegments {
		t.Errorf("as many segments as allowed: %v", err)
	}
	if _, err := Parse(make([]byte, MaxBytes+1)); codeAt(err) != "MSH 207" {
		t.Errorf("too many bytes: %v", err)
	}
}

func TestPathRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"PID", "PID-3", "PID-3[2]", "PID-3[2].4", "PID-3[2].4.1", "OBX(2)-5", "OBX(12)-5[3].1.2", "ZP1-1"} {
		p, err := ParsePath(s)
		if err != nil || p.String() != s {
			t.Errorf("ParsePath(%q) = %q, %v", s, p.String(), err)
		}
	}
	for _, s := range []string{"", "PI", "P-3", "PID3", "PID-", "PID-3.", "PID-3[", "PID-3[2", "PID-3.1.", "PID-3.1.2.3", "PID()-3", "PID-100001", "PID-99999999999999999999"} {
		if p, err := ParsePath(s); err == nil {
			t.Errorf("ParsePath(%q) = %v, want an error", s, p)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	one := "MSH|^~\\&|A\rPID|1\r"
	tests := []struct {
		name, in string
		want     []string
		code     string
	}{
		{"one", "\r\n" + one, []string{"\r\n" + one}, ""},
		{"two in one frame", one + one, []string{one, one}, ""},
		{"batch", "FHS|^~\\&|A\rBHS|^~\\&|A\r" + one + one + "BTS|2\rFTS|1\r", []string{one, one}, ""},
		{"batch of one", "BHS|^~\\&|A\r" + one + "BTS|1\r", []string{one}, ""},
		{"no message", "FHS|^~\\&|A\rFTS|0\r", nil, "MSH 100"},
		{"text before", "EVN|1\r" + one, nil, "MSH 100"},
		{"text between", "BHS|^~\\&|A\r" + one + "BTS|1\rPID|1\r" + one, nil, "MSH(2) 100"},
		{"empty", "", nil, "MSH 100"},
	}
	for _, tt := range tests {
		got, err := Split([]byte(tt.in))
		if codeAt(err) != tt.code || len(got) != len(tt.want) {
			t.Errorf("%s: %d messages, %v", tt.name, len(got), err)
			continue
		}
		for i := range got {
			if string(got[i]) != tt.want[i] {
				t.Errorf("%s: message %d is %q", tt.name, i, got[i])
			}
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const head = "MSH|^~\\&|A|B|C|D|20250402||"
	tests := []struct{ name, in, want string }{
		{"complete", head + "ADT^A08|X1|P|2.5\rPID|1||9^^^N\r", ""},
		{"no type", head + "|X1|P|2.5\rPID|1||9\r", "MSH-9 101"},
		{"no control id", head + "ADT^A08||P|2.5\rPID|1||9\r", "MSH-10 101"},
		{"no PID-3", head + "ADT^A08|X1|P|2.5\rPID|1||||Doe\r", "PID-3 101"},
		{"PID-3 of separators", head + "ADT^A08|X1|P|2.5\rPID|1||^^^&~|\r", "PID-3 101"},
		{"PID-3 null", head + "ADT^A08|X1|P|2.5\rPID|1||\"\"|\r", "PID-3 101"},
		{"second PID", head + "ADT^A17|X1|P|2.5\rPID|1||9\rPID|2||\r", "PID(2)-3 101"},
		{"no PID", head + "ADT^A08|X1|P|2.5\rEVN|A08\r", "PID 101"},
		{"no PID in a master file", head + "MFN^M02|X1|P|2.5\rMFI|PRA\r", ""},
		{"no RF1-6", head + "REF^I12|X1|P|2.5\rRF1|P\rPRD|RP\rPID|1||9\r", "RF1-6 101"},
	}
	for _, tt := range tests {
		m, err := Parse([]byte(tt.in))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range Check(m) {
			got = append(got, codeAt(e))
		}
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
	}
}
