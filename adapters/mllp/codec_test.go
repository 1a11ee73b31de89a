package mllp_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/mllp"
	"caregate/hl7v2"
	"caregate/translate"
)

func profile(t *testing.T, yaml string) translate.Profile {
	t.Helper()
	p, err := translate.LoadProfile([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func inbound(raw []byte) adapters.Inbound {
	return adapters.Inbound{Partner: "care", Protocol: mllp.Protocol, Raw: raw}
}

func flow(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/flows/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDecodeReferral(t *testing.T) {
	t.Parallel()
	raw := flow(t, "01-medication-consult/02a-ref-i12-from-care-organisation.hl7")
	got, err := mllp.Codec{Profile: profile(t, "zone: America/Chicago")}.Decode(inbound(raw))
	if err != nil {
		t.Fatal(err)
	}
	if got.ControlID != "CMO000004411" || got.Event != "REF^I12" || len(got.Placers) != 1 || got.Placers[0] != "SOC-2026-004411" || got.ReplyTo != "" {
		t.Errorf("%s %s %v %q", got.ControlID, got.Event, got.Placers, got.ReplyTo)
	}
	if got.Bundle.ResourceType() != "Bundle" || got.Bundle.At("entry[2].resource") == nil {
		t.Error("the Bundle holds nothing")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	const pid = "\rPID|1||900^^^N^MR\r"
	head := func(msh9, processing, version string) string {
		return "MSH|^~\\&|A|B|C|D|20250402||" + msh9 + "|1|" + processing + "|" + version + pid
	}
	codec := mllp.Codec{Profile: profile(t, "structures: [ADT_A01, REF_I12]"), Processing: []string{"P"}, Versions: []string{"2.5.1"}}
	tests := []struct {
		name, raw, location string
		code                adapters.Code
	}{
		{"taken", head("ADT^A08", "P", "2.5.1"), "", ""},
		{"processing id", head("ADT^A08", "T", "2.5.1"), "MSH-11", adapters.CodeUnsupportedMode},
		{"version", head("ADT^A08", "P", "2.3"), "MSH-12", adapters.CodeVersion},
		{"event", head("ADT^A40", "P", "2.5.1"), "MSH-9.2", adapters.CodeUnsupportedEvent},
		{"type", head("QBP^Q11", "P", "2.5.1"), "MSH-9", adapters.CodeUnsupportedType},
		{"no MSH", "PID|1\r", "MSH", adapters.CodeMalformed},
		{"wrong separators", "MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|2.5.1\rPID;1\r", "PID", adapters.CodeDataType},
		{"no PID-3", "MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|2.5.1\rPID|1\r", "PID-3", adapters.CodeMissing},
		{"not of the declared characters", "MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|2.5.1||||||UNICODE UTF-8\rPID|1||9||Zo\xeb\r", "MSH-18", adapters.CodeDataType},
		{"characters that nobody knows", "MSH|^~\\&|A|B|C|D|||ADT^A08|1|P|2.5.1||||||KLINGON\rPID|1||9||Zo\xeb\r", "MSH-18", adapters.CodeTableValue},
	}
	for _, tt := range tests {
		got, err := codec.Decode(inbound([]byte(tt.raw)))
		refusal, _ := errors.AsType[*adapters.Refusal](err)
		if refusal == nil {
			refusal = &adapters.Refusal{Issues: []adapters.Issue{{}}}
		}
		if refusal.Code != tt.code || refusal.Issues[0].Location != tt.location {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.location != "MSH" && got.ControlID != "1" {
			t.Errorf("%s: control id %q", tt.name, got.ControlID)
		}
	}
}

func TestDecodeWithoutTable(t *testing.T) {
	t.Parallel()
	raw := []byte("MSH|^~\\&|A|B|C|D|20250402||NMD^N02^NMD_N02|1|P|2.5.1\rEVN|N02|20250402\rPID|1||900^^^N^MR\rUB1|1\r")
	if _, err := (mllp.Codec{Profile: profile(t, "")}).Decode(inbound(raw)); err == nil {
		t.Error("a profile that does not ask for it took a message that no table reads")
	}
	got, err := mllp.Codec{Profile: profile(t, "structures: [any]")}.Decode(inbound(raw))
	if err != nil || got.Bundle == nil || len(got.Issues) == 0 {
		t.Errorf("with structures any: %v, %d issues", err, len(got.Issues))
	}
}

func TestCharacterSets(t *testing.T) {
	t.Parallel()
	message := func(charset, name string) []byte {
		return []byte("MSH|^~\\&|A|B|C|D|20250402||ADT^A08^ADT_A01|1|P|2.5.1||||||" + charset + "\rPID|1||900^^^N^MR||" + name + "\r")
	}
	tests := []struct{ name, raw, profile, want string }{
		{"declared", string(message("8859/1", "Zo\xeb")), "", "Zoë"},
		{"by the profile", string(message("", "Zo\xeb")), "charset: 8859/1", "Zoë"},
		{"UTF-8 undeclared", string(message("", "Zoë")), "charset: 8859/1", "Zoë"},
		{"unknown", string(message("", "Zo\xeb")), "", `Zo\\XEB\\`},
		{"unknown, and we send UTF-8", string(message("", "Zo\xeb")), "charset: UNICODE UTF-8", `Zo\\XEB\\`},
	}
	for _, tt := range tests {
		got, err := mllp.Codec{Profile: profile(t, tt.profile)}.Decode(inbound([]byte(tt.raw)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if body := string(got.Bundle.JSON()); !strings.Contains(body, `"`+tt.want+`"`) || strings.Contains(body, "\ufffd") {
			t.Errorf("%s: %s not in the Bundle", tt.name, tt.want)
		}
		if strings.HasPrefix(tt.name, "unknown") != (len(got.Issues) > 0 && got.Issues[0].Location == "MSH-18") {
			t.Errorf("%s: issues %v", tt.name, got.Issues)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	codec := mllp.Codec{Profile: profile(t, "{zone: America/Chicago, sending: {application: GW}, receiving: {application: EHR}}")}
	in, err := codec.Decode(inbound(flow(t, "01-medication-consult/02a-ref-i12-from-care-organisation.hl7")))
	if err != nil {
		t.Fatal(err)
	}
	out := adapters.Outbound{
		Bundle: in.Bundle, ControlID: "CG1", Event: "transaction", Kind: "referral", Created: time.Unix(1_790_000_000, 0),
		Origin: adapters.Origin{Partner: "care", ControlID: in.ControlID}, Notices: []string{"42 CFR part 2 | no redisclosure"},
	}
	for kind, want := range map[string]string{"referral": "REF^I12^REF_I12", "status": "RRI^I12^RRI_I12"} {
		out.Kind, out.ReplyTo = kind, "CMO1"
		encoded, err := codec.Encode(out)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		m, err := hl7v2.Parse(encoded.Body)
		if err != nil {
			t.Fatal(err)
		}
		if m.Get("MSH-9") != want || m.Get("MSH-10") != "CG1" || m.Get("RF1-6.1") != "SOC-2026-004411" || encoded.ContentType != mllp.ContentType {
			t.Errorf("%s: %s %s %s", kind, m.Get("MSH-9"), m.Get("MSH-10"), m.Get("RF1-6.1"))
		}
		if last := m.Segment(m.Len() - 1); last.Name() != "NTE" || last.Field(3).Rep(1).Text() != out.Notices[0] {
			t.Errorf("%s: the notice is not there: %s", kind, last.Raw())
		}
		if !strings.Contains(string(encoded.Body), in.ControlID) {
			t.Errorf("%s: the origin's control id is not there", kind)
		}
	}
	out.Kind, out.Event = "other", "transaction"
	if _, err := codec.Encode(out); err == nil {
		t.Error("a message that no table renders was rendered")
	}
}

// TestEncodeCharacterSets: what is sent is in the partner's set, what the set lacks is readable again,
// and a message that nobody declared says so where it matters.
func TestEncodeCharacterSets(t *testing.T) {
	t.Parallel()
	raw := []byte("MSH|^~\\&|A|B|C|D|20261104||ADT^A31^ADT_A05|1|P|2.5.1||||||UNICODE UTF-8\rPID|1||900^^^N^MR||Zoë^Łukasz\r")
	for set, want := range map[string]string{
		"UNICODE UTF-8": "Zoë^Łukasz", "8859/1": "Zo\xeb^\\XC581\\ukasz", "8859/2": "Zo\xeb^\xa3ukasz", "ASCII": "Zo\\XC3AB\\^\\XC581\\ukasz", "": "Zoë^Łukasz",
	} {
		codec := mllp.Codec{Profile: profile(t, "charset: "+set)}
		in, err := codec.Decode(inbound(raw))
		if err != nil {
			t.Fatal(err)
		}
		out := adapters.Outbound{Bundle: in.Bundle, ControlID: "1", Event: "ADT^A31", Created: time.Unix(0, 0), Notices: []string{"Not to be passed on."}}
		sent, err := codec.Encode(out)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(sent.Body), want) || (set == "") != strings.Contains(string(sent.Body), "|UNICODE UTF-8") && set != "UNICODE UTF-8" {
			t.Errorf("in %q: %q", set, sent.Body)
		}
		again, err := codec.Decode(inbound(sent.Body))
		if err != nil || !strings.Contains(string(again.Bundle.JSON()), `"given":["Łukasz"]`) {
			t.Errorf("in %q it is read as something else: %v", set, err)
		}
	}
	codec := mllp.Codec{Profile: profile(t, "charset: KLINGON")}
	in, err := mllp.Codec{}.Decode(inbound(raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.Encode(adapters.Outbound{Bundle: in.Bundle, ControlID: "1", Event: "ADT^A31"}); err == nil {
		t.Error("a message left in a character set that nobody knows")
	}
}

// TestTooLong: what is too long and must not be cut does not leave, and the refusal says where.
func TestTooLong(t *testing.T) {
	t.Parallel()
	raw := []byte("MSH|^~\\&|A|B|C|D|20261104||ADT^A31^ADT_A05|1|P|2.5.1\rPID|1||900^^^N^MR||Zztest^Rowan\r")
	in, err := mllp.Codec{}.Decode(inbound(raw))
	if err != nil {
		t.Fatal(err)
	}
	for lengths, want := range map[string]string{"{PID-3.1: 3}": "", "{PID-3.1: 2}": "PID-3.1"} {
		_, err := mllp.Codec{Profile: profile(t, "terminator: crlf\nlengths: "+lengths)}.Encode(adapters.Outbound{Bundle: in.Bundle, ControlID: "1", Event: "ADT^A31", Notices: []string{"x"}})
		refusal, _ := errors.AsType[*adapters.Refusal](err)
		if (refusal == nil) != (want == "") || refusal != nil && (refusal.Code != adapters.CodeTooLarge || len(refusal.Issues) != 1 || refusal.Issues[0].Location != want) {
			t.Errorf("%s: %v", lengths, err)
		}
	}
}
