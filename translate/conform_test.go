package translate

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
)

// exampleProfile is the example that shows every key.
func exampleProfile(t *testing.T) Profile {
	t.Helper()
	text, err := os.ReadFile("../testdata/config/partner-profile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := LoadProfile(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keysOf(reflect.TypeFor[Profile]()) {
		if !strings.Contains("\n"+string(text), "\n"+key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
	return p
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		keys = append(keys, f.Tag.Get("yaml"))
	}
	return keys
}

// resent reads a message with a permissive profile and sends it on in the given one.
func resent(t *testing.T, message string, p Profile) (string, []Issue, error) {
	t.Helper()
	m, err := hl7v2.Parse([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	in := p
	in.Structures = nil
	r, err := ToFHIR(m, in)
	if err != nil {
		t.Fatal(err)
	}
	out, issues, err := ToV2(r.Bundle, p, Meta{Event: m.Get("MSH-9.1") + "^" + m.Get("MSH-9.2"), ControlID: "GW1", Created: sent.Created})
	return string(out), issues, err
}

const formed = "MSH|^~\\&|A|B|C|D|20261104120000-0600||REF^I12^REF_I12|7|P|2.5.1\r" +
	"RF1|P^Pending^HL70283|||||77^B^1.2.3^ISO|20261027\r" +
	"PRD|RP^Referring provider^HL70286|Zzclin^Morgan\rPRD|RT^Referred to provider^HL70286|Zzdoc^Avery\r" +
	"PID|1||900^^^IL-DCFS&1.3.6.1.4.1.21367.2026.10.1&ISO^SR~901^^^ZZCLINIC&1.3.6.1.4.1.21367.2026.40.1&ISO^MR~902^^^OTHER&1.2.9&ISO^XX||Zztest#^Zo\u00eb\r" +
	"DG1|1||F90.2^Attention-deficit hyperactivity disorder, combined type^ICD10||20260301|W\r" +
	"NTE|1|P|first line\\.br\\second line that is longer than this partner # takes\r" +
	"ZPI|1|kept\rZZX|1|not sent\r"

// TestExampleProfile: each key of the form shows in what is sent, and nothing else changes.
func TestExampleProfile(t *testing.T) {
	t.Parallel()
	p := exampleProfile(t)
	out, issues, err := resent(t, formed, p)
	if err != nil {
		t.Fatalf("%v: %v", err, issues)
	}
	m, err := hl7v2.Parse([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"MSH-3": "CAREGATE^1.3.6.1.4.1.21367.2026.1^ISO", "MSH-7": "202610270906", "MSH-11": "T", "MSH-12": "2.7.1",
		"MSH-15": "AL", "MSH-16": "NE", "MSH-17": "USA", "MSH-18": "8859/1",
		"PID-3": "900^^^IL-DCFS^SR", "PID-3[2]": "901^^^ZZCLINIC^MR", "PID-3[3]": "", "PID-5.1": "Zztest#",
		"RF1-6": "77^B^1.2.3^ISO", "DG1-3": "F90.2^Attention-deficit hyperactivi#^ICD10",
		"NTE-3": "first line", "NTE-3[2]": "second line that is longer than this pa#", "ZPI-2": "kept", "ZZX-2": "", "ZCG-1": "",
	} {
		if got := m.Get(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if !strings.HasPrefix(out, `MSH|^~\&#|`) || !strings.Contains(out, `Zztest\P\^`) || strings.Contains(strings.ReplaceAll(out, "\r\n", ""), "\r") {
		t.Errorf("not in the form of the partner: %q", out)
	}
	cut := 0
	for _, i := range issues {
		if i.Code == IssueTooLong {
			cut++
		}
	}
	if cut != 2 {
		t.Errorf("two texts were cut, the issues are %v", issues)
	}
}

// TestForms: each key alone, with its twin.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ profile, path, want string }{
		{"", "PID-3", "900^^^&1.3.6.1.4.1.21367.2026.10.1&ISO^SR"},
		{"hd: universal", "PID-3[3]", "902^^^&1.2.9&ISO^XX"},
		{"hd: namespace", "PID-3[3]", "902^^^OTHER^XX"},
		{"sendIdentifierTypes: [MR]", "PID-3", "901^^^ZZCLINIC&1.3.6.1.4.1.21367.2026.40.1&ISO^MR"},
		{`sendIdentifiers: ["urn:oid:1.2.9"]`, "PID-3", "902^^^OTHER&1.2.9&ISO^XX"},
		{"lineBreak: space", "NTE-3", "first line second line that is longer than this partner # takes"},
		{"lineBreak: .br", "NTE-3", "first line\nsecond line that is longer than this partner # takes"},
		{"lengths: {NTE-3: 10}", "NTE-3", "first line"},
		{"lengths: {NTE-3: 10}\ntruncation: true", "NTE-3", "first line"},
		{"lengths: {NTE-3: 10}\ntruncation: true\nversion: \"2.8\"", "NTE-3", "first lin#"},
		{"codeSystems: {I10C: \"http://hl7.org/fhir/sid/icd-10-cm\"}", "DG1-3.3", "ICD10"},
		{"zSegments: send", "ZZX-2", "not sent"},
		{"zSegments: send\nsendZ: [ZPI]", "ZZX-2", ""},
		{"zSegments: carry", "ZPI-2", ""},
	} {
		p, err := LoadProfile([]byte(c.profile))
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := resent(t, formed, p)
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse([]byte(out))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Get(c.path); c.profile != "" && got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.profile, c.path, got, c.want)
		}
	}
}

// TestNeverCut: what is no text is refused, and so is a document that is too large.
func TestNeverCut(t *testing.T) {
	t.Parallel()
	for profile, location := range map[string]string{
		"lengths: {PID-3.1: 2}": "PID-3.1", "lengths: {RF1-6.1: 1}": "RF1-6.1", "lengths: {PID-5.1: 3}": "PID-5.1",
		"lengths: {DG1-3.1: 3}": "DG1-3.1", "lengths: {DG1-5: 4}": "DG1-5",
	} {
		p, err := LoadProfile([]byte(profile))
		if err != nil {
			t.Fatal(err)
		}
		out, issues, err := resent(t, formed, p)
		if !errors.Is(err, ErrLength) || out != "" || len(issues) == 0 {
			t.Errorf("%s: %v, %q", profile, err, out)
		}
		found := false
		for _, i := range issues {
			found = found || i.Code == IssueTooLong && i.Location == location
		}
		if !found {
			t.Errorf("%s: issues %v", profile, issues)
		}
	}
	document := "MSH|^~\\&|A|B|C|D|20261104120000-0600||MDM^T02^MDM_T02|7|P|2.5.1\rPID|1||900^^^B\r" +
		"TXA|1|CN|AP|||||||||77^B\rOBX|1|ED|18842-5^Note^LN||^application^pdf^Base64^QUJDREVG||||||F\r"
	for most, want := range map[int]error{7: ErrLength, 8: nil} {
		if _, issues, err := resent(t, document, Profile{Version: "2.5.1", MaxAttachment: most}); !errors.Is(err, want) {
			t.Errorf("at most %d bytes: %v, %v", most, err, issues)
		}
	}
}

func TestProfileRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"dtm: {precision: week}", "version: 3.0", "hd: oid", "terminator: none", "lineBreak: yes", "zSegments: some", "acceptAck: XX",
		`codes: {"0283.tsk": {A: accepted}}`, `holdCodes: ["9999"]`, "lengths: {PID: 3}", "lengths: {\"PID-3[2]\": 3}", "lengths: {PID-3: 0}",
	} {
		if _, err := LoadProfile([]byte(text)); err == nil || !strings.Contains(err.Error(), strings.Split(text, ":")[0]) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestTruncatedOnArrival: \P\ is the declared truncation character itself.
func TestTruncatedOnArrival(t *testing.T) {
	t.Parallel()
	m, err := hl7v2.Parse([]byte("MSH|^~\\&#|A|B|||20261104||ADT^A08|7|P|2.7\rPID|1||1^^^B||Mc\\P\\Zztest^Rowan\r"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ToFHIR(m, Profile{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range fhir.Entries(r.Bundle) {
		if n.ResourceType() == "Patient" && n.At("name[0].family").Text() != "Mc#Zztest" {
			t.Errorf("name is %s", n.Get("name").JSON())
		}
	}
}
