package fhir

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func manyMembers(last string) string {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, `"m%d":1,`, i)
	}
	return "{" + b.String() + `"` + last + `":1}`
}

// One parse feeds policy and partner: what two readers could understand differently is refused.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, doc, twin string }{
		{"duplicate name", `{"a":1,"a":2}`, `{"a":1,"b":2}`},
		{"duplicate name, escaped", `{"a":1,"\u0061":2}`, `{"a":1,"\u0062":2}`},
		{"case variant", `{"status":"a","Status":"b"}`, `{"status":"a","statusReason":"b"}`},
		{"case variant among many", manyMembers("M7"), manyMembers("N7")},
		{"null member", `{"a":null}`, `{"a":[null,"x"]}`},
		{"trailing data", `{} {}`, `{} `},
		{"byte order mark", "\xef\xbb\xbf{}", "{}"},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "{\"a\":\"\xc3\xbf\"}"},
		{"lone surrogate", `{"a":"\ud800"}`, `{"a":"\ud83d\ude00"}`},
		{"control character", "{\"a\":\"\x01\"}", `{"a":"\u0001"}`},
		{"too deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat("[", 64) + strings.Repeat("]", 64)},
		{"number without end", `{"a":1` + strings.Repeat("0", 1000) + `}`, `{"a":1` + strings.Repeat("0", 999) + `}`},
		{"not a number", `{"a":01}`, `{"a":0.10}`},
		{"comment", `{/**/}`, `{}`},
		{"truncated", `{"a":`, `{"a":1}`},
		{"empty", ``, `{}`},
		{"too many values", "[" + strings.Repeat("1,", 200_000) + "1]", "[" + strings.Repeat("1,", 1000) + "1]"},
	}
	for _, c := range cases {
		if _, err := Parse([]byte(c.doc)); err == nil {
			t.Errorf("%s: was read", c.name)
		}
		if _, err := Parse([]byte(c.twin)); err != nil {
			t.Errorf("%s: the twin was refused: %v", c.name, err)
		}
	}
}

func TestParseErrorHasNoValue(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{"name":"Zzsecret","Name":"Zzsecret"}`, `{"Zzsecret x":{"a":null}}`, `{"a":"Zzsecret`, `{"a":{"b":Zzsecret}}`,
	} {
		_, err := Parse([]byte(doc))
		if err == nil || strings.Contains(err.Error(), "Zzsecret") {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestNumbersKeepTheirText(t *testing.T) {
	t.Parallel()
	const doc = `{"a":1.10,"b":1e400,"c":-0,"d":123456789012345678901234567890}`
	n, err := Parse([]byte(doc))
	if err != nil || string(n.JSON()) != doc {
		t.Errorf("%s, %v", n.JSON(), err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range exampleFiles(f) {
		f.Add(readFile(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Parse(data)
		if err != nil {
			return
		}
		Validate(n)
		out := n.JSON()
		again, err := Parse(out)
		if err != nil || !bytes.Equal(again.JSON(), out) {
			t.Errorf("written form is not stable: %v", err)
		}
		if n.Kind() == Object {
			back, err := throughStructs(n)
			if err != nil || !bytes.Equal(back.JSON(), out) {
				t.Errorf("structs changed it: %v\n%s\n%s", err, out, back.JSON())
			}
		}
	})
}
