package hl7v2

import (
	"strings"
	"testing"
)

var alternatives = []Delimiters{
	DefaultDelimiters,
	{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&', Truncation: '#'},
	{Field: '$', Component: '*', Repetition: '!', Escape: '/', Subcomponent: '@'},
}

var hostile = []string{
	"", " ", `""`, `"`, "a|b", "a^b&c~d", `\`, `\\`, `\F\`, `\X0D\`, `C:\temp\new`, "\r", "\n", "\r\nPID|1", "\x0b\x1c\r", "\x00\x7f",
	"MSH|^~\\&|A\rPID|1||X", "é\xff\xfe", `\.br\`, `\E\F\E\`, "$*!/@#", "\x1c\rMSA|AA|1",
}

func TestEscapeIsInverse(t *testing.T) {
	t.Parallel()
	for _, d := range alternatives {
		for _, s := range hostile {
			escaped := Escape(s, d)
			if got := Unescape(escaped, d); got != s {
				t.Errorf("Unescape(Escape(%q)) = %q", s, got)
			}
			for _, b := range []byte(escaped) {
				if b < ' ' || b == d.Field || d.separates(b) {
					t.Errorf("Escape(%q) = %q ends something", s, escaped)
				}
			}
			if escaped == null {
				t.Errorf("Escape(%q) is the null value", s)
			}
		}
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`a\F\b\S\c\T\d\R\e\E\f`: `a|b^c&d~e\f`,
		`\X0D0A\x`:              "\r\nx",
		`\X0d\`:                 "\r",
		`one\.br\two`:           "one\ntwo",
		`C:\temp\new`:           `C:\temp\new`,
		`50% \`:                 `50% \`,
		`\H\bold\N\`:            `\H\bold\N\`,
		`\Z01\`:                 `\Z01\`,
		`\C2842\`:               `\C2842\`,
		`\X0\`:                  `\X0\`,
		`\XZZ\`:                 `\XZZ\`,
		`\P\`:                   `\P\`,
		`\temp\F\x`:             `\temp|x`,
		`\\`:                    `\\`,
	} {
		if got := Unescape(in, DefaultDelimiters); got != want {
			t.Errorf("Unescape(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Escape("a|b\rc^d", Delimiters{Field: '|', Component: '^', Repetition: '~'}); got != "a b c d" {
		t.Errorf("without an escape character nothing may separate: %q", got)
	}
}

func TestBuilderKeepsHostileValues(t *testing.T) {
	t.Parallel()
	for _, d := range alternatives {
		for _, s := range hostile {
			b := NewBuilder(d)
			b.Segment("MSH").Set("3", s).Set("9.1", "ADT")
			b.Segment("PID").Set("3[2].4.2", s).Set("5", s)
			b.Segment("NTE").Set("3", s).SetRaw("4", s)
			m, err := Parse(b.Bytes())
			if err != nil || m.Len() != 3 || b.Err() != nil {
				t.Fatalf("%q: %v", s, err)
			}
			for _, path := range []string{"MSH-3", "PID-3[2].4.2", "PID-5", "NTE-3"} {
				if got := m.Get(path); got != s {
					t.Errorf("%s = %q, want %q", path, got, s)
				}
			}
			if m.First("NTE").Field(3).Null() || m.First("NTE").FieldCount() > 4 {
				t.Errorf("%q became the null value or a field", s)
			}
		}
	}
}

func TestBuilderShape(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Delimiters{})
	b.Segment("MSH").SetRaw("3", "APP^1.2^ISO").Set("10", "X").Set("11", "")
	b.Segment("PID").Set("3[2].4.2", "oid").Set("3.1", "9").SetRaw("7", `""`)
	b.Segment("EVN")
	want := "MSH|^~\\&|APP^1.2^ISO|||||||X\rPID|||9~^^^&oid||||\"\"\rEVN\r"
	if got := string(b.Bytes()); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, path := range []string{"", "x", "3.", "0", "3[0]", "3.1.2.3", "200000"} {
		bad := NewBuilder(DefaultDelimiters)
		bad.Segment("PID").Set(path, "secret")
		if bad.Err() == nil || strings.Contains(bad.Err().Error(), "secret") {
			t.Errorf("path %q: %v", path, bad.Err())
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range alternatives {
			if got := Unescape(Escape(s, d), d); got != s {
				t.Errorf("Unescape(Escape(%q)) = %q", s, got)
			}
		}
		Unescape(s, DefaultDelimiters)
	})
}

func FuzzParse(f *testing.F) {
	for _, raw := range messages(f) {
		f.Add(raw)
	}
	for _, s := range hostile {
		f.Add([]byte("MSH|^~\\&|A|" + s + "\rPID|1||" + s))
	}
	reused := &Message{}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = ReadHeader(data)
		parts, _ := Split(data)
		for _, part := range parts {
			m, err := Parse(part)
			if second := reused.Reset(string(part)); (second == nil) != (err == nil) || (err == nil && string(reused.Encode()) != string(m.Encode())) {
				t.Fatalf("%q: a Message that is used again reads otherwise", part)
			}
			if err != nil {
				continue
			}
			again, err := Parse(m.Encode())
			if err != nil || string(again.Encode()) != string(m.Encode()) || again.Len() != m.Len() {
				t.Fatalf("%q: not stable: %v", part, err)
			}
			for i := range m.Len() {
				rebuild(t, m.Segment(i))
			}
			Check(m)
		}
	})
}

// rebuild checks that a segment's fields join to the segment.
func rebuild(t *testing.T, s Segment) {
	t.Helper()
	d := s.m.delims
	out := s.Raw()[:3]
	for n := 1; n <= s.FieldCount(); n++ {
		f := s.Field(n)
		if f.literal && n == 1 {
			continue
		}
		var reps []string
		for r := range f.Repetitions() {
			reps = append(reps, f.Rep(r+1).Raw())
		}
		out += string(d.Field) + strings.Join(reps, string(d.Repetition))
	}
	if out != s.Raw() {
		t.Fatalf("fields %q do not make the segment %q", out, s.Raw())
	}
}
