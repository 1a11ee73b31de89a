package translate

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
)

// TestStrays: segments that a structure does not have are read where they make a resource,
// else kept; each comes back where it stood.
func TestStrays(t *testing.T) {
	t.Parallel()
	const head = "MSH|^~\\&|A|B|C|D|20260101101010+0000||%|M1|P|2.5.1\r"
	const child = "PID|1||7^^^A&1.2.3&ISO^MR||Zztest^Rowan\r"
	const other = "PID|1||8^^^A&1.2.3&ISO^MR||Zztest^Robin||||||||||||||900112222\r"
	for _, c := range []struct{ event, text, types string }{
		{"ADT^A60^ADT_A60", child + "IAM|1||F^Nuts|MI\rPRT|1|AD||AT\rIAM|2||F^Milk|MI\r", "AllergyIntolerance:2 MessageHeader:1 Patient:1 PractitionerRole:1"},
		{"QBP^Q11^QBP_Q11", "QPD|Q11^Query|1\rRCP|I\r", "Basic:2 MessageHeader:1"},
		{"CCU^I20^CCU_I20", child + "DG1|1||F90.0^ADHD^I10\rOBX|1|ST|8302-2^Height^LN||1\rNTE|1||so\rGOL|AD|20260101|walk|5\r", "Condition:1 Goal:1 MessageHeader:1 Observation:1 Patient:1"},
		{"ADT^A08", child + "OBX|1|ST|1^a||x\rDRG|1\rNK1|1|Zztest^Riley\rDRG|2\rZPI|1|q\rAL1|1||2^b\rNK1|2|Zztest^Sam\r", "AllergyIntolerance:1 Basic:3 MessageHeader:1 Observation:1 Patient:1 RelatedPerson:2"},
		{"ADT^A08", child + other + "NK1|1|Zztest^Riley\r", "Basic:2 MessageHeader:1 Patient:1"},
		{"ADT^A01", "UAC|KERB^^|^^^^secretword\r" + child, "Basic:1 MessageHeader:1 Patient:1"},
	} {
		message := strings.Replace(head, "%", c.event, 1) + c.text
		r := toFHIR(t, parse(t, message), Profile{Zone: "Etc/UTC", ZSegments: "carry"})
		types := map[string]int{}
		for _, n := range fhir.Entries(r.Bundle) {
			types[n.ResourceType()]++
			if n.ResourceType() == "Basic" && strings.Contains(c.text, "8^^^A") && n.Get("subject") != nil {
				t.Errorf("%s: what may be about another child has a subject", c.event)
			}
		}
		if got := strings.Trim(fmt.Sprint(types), "map[]"); got != c.types {
			t.Errorf("%s: %s, want %s", c.event, got, c.types)
		}
		if issues := fhir.Validate(r.Bundle); len(issues) > 0 {
			t.Errorf("%s: %v", c.event, issues)
		}
		json := string(r.Bundle.JSON())
		if strings.Contains(json, "secretword") || strings.Contains(json, "900112222") {
			t.Errorf("%s: what the profile does not let in is kept", c.event)
		}
		back, _, err := ToV2(r.Bundle, Profile{}, Meta{})
		want := strings.NewReplacer("|^^^^secretword", "", "||||||||||||||900112222", "").Replace(message)
		if err != nil || string(back) != want {
			t.Errorf("%s: %v\n%q\nwant\n%q", c.event, err, back, want)
		}
	}
}

// TestAnyOrder: whatever segments come in whatever order in whatever message, no value is
// lost, nothing invalid is made, and almost every value comes back in its place.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	maps, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	pool, names := segmentPool(t)
	p := flowProfile(t)
	p.SSN = true // what the profile withholds does not come back
	random := rand.New(rand.NewPCG(1, 2))
	total, lost := 0, 0
	for _, e := range append(maps.events, event{code: "QBP", trigger: "Q11"}, event{code: "ZZZ", trigger: "Z99"}) {
		message := "MSH|^~\\&|A|B|C|D|20260101101010+0000||" + e.code + "^" + strings.Replace(e.trigger, "*", "X99", 1) + "|1|P|2.5.1\r" + pool["PID"][0] + "\r"
		for range random.IntN(20) {
			if name := names[random.IntN(len(names))]; name != "PID" && name != "MSH" {
				message += pool[name][random.IntN(len(pool[name]))] + "\r"
			}
		}
		m := parse(t, message)
		r := toFHIR(t, m, p)
		if issues := fhir.Validate(r.Bundle); len(issues) > 0 {
			t.Errorf("%v\n%s", issues, strings.ReplaceAll(message, "\r", "\n"))
		}
		raw, _, err := ToV2(r.Bundle, p, Meta{})
		if err != nil {
			t.Fatal(err)
		}
		back := parse(t, string(raw))
		for _, l := range r.Leaves {
			at, _ := hl7v2.ParsePath(l.Path)
			total++
			if back.At(at) != m.At(at) {
				lost++
			}
		}
	}
	if lost*200 > total {
		t.Errorf("%d of %d leaves are not in their place", lost, total)
	}
}

// segmentPool returns every segment of our own messages, by name, and the names in order.
func segmentPool(t *testing.T) (pool map[string][]string, names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	pool = map[string][]string{}
	for _, file := range files {
		m := readMessage(t, file)
		if strings.HasSuffix(file, ".back.hl7") || m.Delimiters() != hl7v2.DefaultDelimiters {
			continue
		}
		for line := range strings.SplitSeq(string(m.Encode()), "\r") {
			if len(line) > 3 {
				pool[line[:3]] = append(pool[line[:3]], line)
			}
		}
	}
	for name := range pool {
		names = append(names, name)
	}
	slices.Sort(names)
	return pool, names
}
