package translate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
)

// TestUpdate: message after message, each over what is known from those before it.
func TestUpdate(t *testing.T) {
	t.Parallel()
	const patient, visit = "MSH|^~\\&|A|B|||20261104||ADT^A08|%|P|2.5.1\rPID|1||77^^^B^MR||Zztest^Rowan", "\rPV1|1|O|1W^2^3||||||||||||||||55^^^B\r"
	for name, c := range map[string]struct {
		messages []string
		path     string
		want     string
	}{
		"empty is no change":      {[]string{patient + "|||M||2106-3^White^CDCREC" + visit, patient + visit}, "PID-8", "M"},
		"carried is no change":    {[]string{patient + "|||M|||1 A St|CT" + visit, patient + visit}, "PID-12", "CT"},
		"a value replaces":        {[]string{patient + "|||M|||1 A St~2 B St" + visit, patient + "||||||3 C St" + visit}, "PID-11", "3 C St"},
		"all repetitions":         {[]string{patient + "|||M|||1 A St~2 B St" + visit, patient + "||||||3 C St" + visit}, "PID-11[2]", ""},
		"null takes away":         {[]string{patient + "|||M" + visit, patient + "|||\"\"" + visit, patient + visit}, "PID-8", ""},
		"null in a repetition":    {[]string{patient + "||||||||555~\"\"" + visit, patient + visit}, "PID-13", "555"},
		"null in a component":     {[]string{patient + "||||||1 A St^\"\"^Chicago" + visit, patient + visit}, "PID-11", "1 A St^^Chicago"},
		"null then a value":       {[]string{patient + "|||M" + visit, patient + "|||\"\"" + visit, patient + "|||F" + visit}, "PID-8", "F"},
		"an absent segment":       {[]string{patient + "\rPD1||||9^Zzdoc^Avery" + visit, patient + visit}, "PD1-4", ""},
		"a segment that is there": {[]string{patient + "\rPD1||||9^Zzdoc^Avery" + visit, patient + "\rPD1|S" + visit}, "PD1-4.2", "Zzdoc"},
		"the visit":               {[]string{patient + visit, patient + "\rPV1|1|O||||||||||||||||55^^^B\r"}, "PV1-3", "1W^2^3"},
		"a relative":              {[]string{patient + "\rNK1|1|Zzkin^Riley|GRD|1 A St|555" + visit, patient + "\rNK1|1|Zzother^Sam|CGV||777\rNK1|2|Zzkin^Riley|GRD||999" + visit}, "NK1(2)-4", "1 A St"},
		"another relative":        {[]string{patient + "\rNK1|1|Zzkin^Riley|GRD|1 A St|555" + visit, patient + "\rNK1|1|Zzother^Sam|CGV||777\rNK1|2|Zzkin^Riley|GRD||999" + visit}, "NK1-4", ""},
		"a relative's new phone":  {[]string{patient + "\rNK1|1|Zzkin^Riley|GRD|1 A St|555" + visit, patient + "\rNK1|1|Zzkin^Riley|GRD||999" + visit}, "NK1-5", "999"},
		"twins of one name":       {[]string{patient + "\rNK1|1|Zzkin^Riley|GRD|1 A St|555" + visit, patient + "\rNK1|1|Zzkin^Riley|GRD||1\rNK1|2|Zzkin^Riley|GRD||2" + visit}, "NK1-4", ""},
		"other delimiters":        {[]string{patient + "|||M|||1 A St^^Chicago" + visit, strings.NewReplacer("^~\\&", "*!/@", "^", "*").Replace(patient + visit)}, "PID-11", "1 A St^^Chicago"},
	} {
		var known []*fhir.Node
		var last *fhir.Node
		for i, text := range c.messages {
			m, err := hl7v2.Parse([]byte(strings.Replace(text, "%", itoa(i+1), 1)))
			if err != nil {
				t.Fatal(err)
			}
			if last, err = Update(m, known, Profile{}); err != nil {
				t.Fatal(err)
			}
			known = known[:0:0]
			for _, n := range fhir.Entries(last) {
				if n.ResourceType() == "Patient" || n.ResourceType() == "Encounter" || n.ResourceType() == "RelatedPerson" {
					known = append(known, n)
				}
			}
			for _, issue := range fhir.Validate(last) {
				t.Errorf("%s: %s %s", name, issue.Path, issue.Text)
			}
		}
		out, _, err := ToV2(last, Profile{}, Meta{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Get(c.path); got != c.want {
			t.Errorf("%s: %s is %q, want %q: %q", name, c.path, got, c.want, out)
		}
	}
}

// TestUpdateOfReferral: I13 changes what it says and keeps the rest of the order.
func TestUpdateOfReferral(t *testing.T) {
	t.Parallel()
	const first = "MSH|^~\\&|A|B|||20261104||REF^I12|1|P|2.5.1\rRF1|P^Pending^HL70283|S^STAT^HL70280|PSY^Psychiatric^HL70281|||77^B^1.2.3^ISO|20261105\rPRD|RP|Zzclin^Morgan\rPID|1||1^^^B\r"
	const change = "MSH|^~\\&|A|B|||20261105||REF^I13|2|P|2.5.1\rRF1||R^Routine^HL70280||||77^B^1.2.3^ISO\rPRD|RP|Zzclin^Morgan\rPID|1||1^^^B\r"
	var known []*fhir.Node
	var last *fhir.Node
	for _, text := range []string{first, change} {
		m, err := hl7v2.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if last, err = Update(m, known, Profile{}); err != nil {
			t.Fatal(err)
		}
		for _, n := range fhir.Entries(last) {
			if n.ResourceType() == "ServiceRequest" {
				known = append(known, n)
			}
		}
	}
	order := resource(t, last, "ServiceRequest")
	if order.Get("status").Text() != "active" || order.Get("priority").Text() != "routine" || order.At("category[0].coding[0].code").Text() != "PSY" ||
		order.At("occurrencePeriod.start").Text() != "2026-11-05" {
		t.Errorf("after I13: %s", order.JSON())
	}
	question, err := hl7v2.Parse([]byte(strings.Replace(change, "I13", "I15", 1)))
	if err != nil {
		t.Fatal(err)
	}
	asked, err := Update(question, known, Profile{})
	if err != nil || resource(t, asked, "ServiceRequest").Get("status").Text() != "unknown" {
		t.Errorf("a question became an order: %v", err)
	}
	for _, n := range fhir.Entries(last) {
		if n.ResourceType() == "Task" {
			t.Error("a status that was not sent is said again")
		}
	}
}

// TestUpdateOfProblem: action code UP with the number of a problem says what changed.
func TestUpdateOfProblem(t *testing.T) {
	t.Parallel()
	var known []*fhir.Node
	for _, prb := range []string{"PRB|AD|20261104|F90.2^ADHD^I10C|77^B|||20260301||||||||||||||||||S", "PRB|UP|20261105|F90.2^ADHD^I10C|77^B|||||20261105"} {
		m, err := hl7v2.Parse([]byte("MSH|^~\\&|A|B|||20261104||PPR^PC1^PPR_PC1|1|P|2.5.1\rPID|1||1^^^B||Zztest^Rowan\r" + prb + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := Update(m, known, Profile{})
		if err != nil {
			t.Fatal(err)
		}
		known = []*fhir.Node{resource(t, bundle, "Patient"), resource(t, bundle, "Condition")}
	}
	out, _, err := ToV2(asKnown(fhir.NewResource("Bundle"), known), Profile{}, Meta{Event: "PPR^PC2", ControlID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := hl7v2.Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	if m.Get("PRB-7") != "20260301" || m.Get("PRB-9") != "20261105" {
		t.Errorf("%q", out)
	}
}

// TestTheSameAgainChangesNothing: a message over what it said itself is what it was, byte for byte.
func TestTheSameAgainChangesNothing(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.hl7"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse(text)
		if err != nil {
			continue // a batch
		}
		r, err := ToFHIR(m, p)
		if err != nil {
			continue // not of a structure that the profile takes
		}
		var known []*fhir.Node
		for _, n := range fhir.Entries(r.Bundle) {
			if n.ResourceType() != "MessageHeader" {
				known = append(known, n)
			}
		}
		again, err := Update(m, known, p)
		if err != nil || string(again.JSON()) != string(r.Bundle.JSON()) {
			t.Errorf("%s: said again it is something else (%v)", filepath.Base(file), err)
		}
	}
}

// TestProtectionStands: a message that does not speak of a restriction does not lift it.
func TestProtectionStands(t *testing.T) {
	t.Parallel()
	const head, visit = "MSH|^~\\&|A|B|||20261104||ADT^A31^ADT_A05|7|P|2.8\rPID|1||1^^^B||Zztest^Rowan", "\rPV1|1|O\r"
	for name, c := range map[string]struct{ second, want string }{
		"nothing said":       {head + visit, "PSY R"},
		"another one":        {head + "\rARV|1|A|HIV^x^HL70717" + visit, "HIV PSY R"},
		"taken away":         {head + "\rARV|1|D|PSY^x^HL70717" + visit, "R"},
		"no more protected":  {head + "\rPD1||||||||||||N" + visit, "PSY"},
		"still protected":    {head + "\rPD1||||||||||||Y" + visit, "PSY R"},
		"a REF says nothing": {strings.Replace(head, "ADT^A31^ADT_A05", "REF^I12^REF_I12", 1) + visit, "PSY R"},
	} {
		var known []*fhir.Node
		for _, text := range []string{head + "\rPD1||||||||||||Y\rARV|1|A|PSY^x^HL70717" + visit, c.second} {
			m, err := hl7v2.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			bundle, err := Update(m, known, Profile{})
			if err != nil {
				t.Fatal(err)
			}
			known = []*fhir.Node{resource(t, bundle, "Patient")}
		}
		var labels []string
		for _, label := range known[0].At("meta.security").Items() {
			labels = append(labels, label.Get("code").Text())
		}
		slices.Sort(labels)
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%s: labels %q, want %q: %s", name, got, c.want, known[0].JSON())
		}
		for _, issue := range fhir.Validate(known[0]) {
			t.Errorf("%s: %s %s", name, issue.Path, issue.Text)
		}
	}
}
