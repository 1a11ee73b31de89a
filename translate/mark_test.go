package translate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"caregate/fhir"
)

// markedPID says two names in PID-5, one in PID-9, a telephone at work in PID-13 and an address of mail in PID-40.
var markedPID = "PID|1||90000017^^^IL-DCFS||Zztest^Rowan~Zztester^Rowan||20160309|M|Alias^Ro" + strings.Repeat("|", 4) +
	"^WPN^PH^^^312^5550101" + strings.Repeat("|", 27) + "^NET^Internet^a@b.example"

func adt(control, pid string) string {
	return "MSH|^~\\&|SYS|FAC|SOCGW|AGENCY|20261103091500-0600||ADT^A08^ADT_A01|" + control + "|P|2.8\r" +
		"EVN|A08|20261103\r" + pid + "\rPV1|1|N\r"
}

// TestMarks: items of one list go back to the fields that said them, without any carrier, and
// only those have a mark that their slice would lead elsewhere.
func TestMarks(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	r := toFHIR(t, parse(t, adt("M-1", markedPID)), p)
	child := resource(t, r.Bundle, "Patient")
	var ids []string
	for _, list := range []string{"name", "telecom"} {
		for _, item := range child.Get(list).Items() {
			ids = append(ids, item.ID())
		}
	}
	if want := []string{"", "", "PID-9", "PID-13", "PID-40"}; !slices.Equal(ids, want) {
		t.Errorf("marks %q, want %q", ids, want)
	}
	bare := stripped(r.Bundle)
	back, _ := render(t, bare, p, Meta{})
	for path, want := range map[string]string{
		"PID-5.1": "Zztest", "PID-5[2].1": "Zztester", "PID-9.1": "Alias", "PID-13.7": "5550101", "PID-40.4": "a@b.example", "PID-14": "",
	} {
		if got := back.Get(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	child.Add("name", fhir.NewObject().SetText("family", "Addedname")) // of a FHIR partner
	if back, _ = render(t, r.Bundle, p, Meta{}); back.Get("PID-5[3].1") != "Addedname" || back.Get("PID-9.1") != "Alias" {
		t.Errorf("a name without a mark is not PID-5's: %q, %q", back.Get("PID-5[3].1"), back.Get("PID-9.1"))
	}
}

// TestTwins: ORC-2 and OBR-2 that say the same come back where they stood, and a partner gets both.
func TestTwins(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	for placer, mark := range map[string]string{"ORD-1^SYS": "ORC-2+OBR-2", "": ""} {
		text := "MSH|^~\\&|SYS|FAC|SOCGW|AGENCY|20261103091500-0600||OMG^O19^OMG_O19|T-1|P|2.8\r" +
			"PID|1||90000017^^^IL-DCFS||Zztest^Rowan\rORC|NW|ORD-1^SYS\rOBR|1|" + placer + "||34788-0^Psychiatry consult note^LN\r"
		r := toFHIR(t, parse(t, text), p)
		if got := resource(t, r.Bundle, "ServiceRequest").At("identifier[0].id").Text(); got != mark {
			t.Errorf("OBR-2 %q: the number is marked %q, want %q", placer, got, mark)
		}
		back, _ := render(t, stripped(r.Bundle), p, Meta{})
		if got := back.Get("OBR-2"); got != placer {
			t.Errorf("OBR-2 is %q, want %q", got, placer)
		}
		sent, _ := render(t, r.Bundle, p, Meta{Event: "OMG^O19", ControlID: "C-1", Created: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)})
		if sent.Get("ORC-2.1") != "ORD-1" || sent.Get("OBR-2.1") != "ORD-1" {
			t.Errorf("a partner gets ORC-2 %q, OBR-2 %q", sent.Get("ORC-2"), sent.Get("OBR-2"))
		}
	}
}

// TestContentKeys: the same content under another control id is the same child, a child
// without a number is known by name, birth date and sender, and two that say nothing are two.
func TestContentKeys(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	id := func(control, pid string) string {
		return resource(t, toFHIR(t, parse(t, adt(control, pid)), p).Bundle, "Patient").ID()
	}
	named := "PID|1||||Zztest^Rowan||20160309|M"
	if id("C-1", named) != id("C-2", named+"|||1 Example St") {
		t.Error("the same name and birth date from the same sender are two children")
	}
	if id("C-1", named) == id("C-1", strings.Replace(named, "Rowan", "Robin", 1)) {
		t.Error("two names are one child")
	}
	nobody := "PID|1||||Zztest"
	if id("C-1", nobody) != id("C-2", nobody) {
		t.Error("the same message under another control id makes another child")
	}
	if id("C-1", nobody) == id("C-1", nobody+"^^^^^^L") {
		t.Error("two messages that name no child are about one")
	}
}

// TestBlankAndEmpty: white space is no string of FHIR and comes back; a set id that was not sent does not.
func TestBlankAndEmpty(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	text := adt("B-1", "PID|||90000017^^^IL-DCFS||Zztest^ ^ \t|   |20160309|M")
	r := toFHIR(t, parse(t, text), p)
	for _, issue := range fhir.Validate(r.Bundle) {
		t.Errorf("not valid: %v", issue)
	}
	back, _ := render(t, r.Bundle, p, Meta{})
	for path, want := range map[string]string{"PID-1": "", "PID-5.1": "Zztest", "PID-5.2": " ", "PID-5.3": " \t", "PID-6": "   "} {
		if got := back.Get(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
