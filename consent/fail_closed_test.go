package consent

import (
	"strings"
	"testing"

	"caregate/fhir"
)

func parsed(t *testing.T, text string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Two restrictions of one document both count; two that release need names by which they can be ended.
func TestTwoStatementsOfOneDocument(t *testing.T) {
	t.Parallel()
	order := func(effect, to string) string {
		return `{"url":"` + ExtensionStatement + StatedOrder + `","extension":[{"url":"effect","valueCode":"` + effect + `"},
{"url":"recipient","valueReference":{"reference":"` + to + `"}},{"url":"scope","valueCode":"health"}]}`
	}
	read := func(a, b string) []Statement {
		return StatementsFrom(parsed(t, `{"resourceType":"DocumentReference","id":"d","status":"current","extension":[`+a+","+b+`]}`))
	}
	list := read(order("restrict", "Organization/a"), order("restrict", "Organization/b"))
	if list[0].ID == list[1].ID || list[0].Unreadable || list[1].Unreadable {
		t.Errorf("one order replaces the other: %+v", list)
	}
	again := read(order("restrict", "Organization/b"), order("restrict", "Organization/a"))
	if again[0].ID != list[1].ID || again[1].ID != list[0].ID {
		t.Error("the order of the extensions counts")
	}
	list = read(order("restrict", "Organization/a"), order("authorize", "Organization/b"))
	if len(list[1].Problems) == 0 {
		t.Error("an order that releases has no name of its own")
	}
}

// What has another shape than FHIR gives it would be passed over, and a restriction with it.
func TestProvisionsOfAnotherShape(t *testing.T) {
	t.Parallel()
	form := func(provision, more string) string {
		return `{"resourceType":"Consent","id":"c","status":"active",
"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
"category":[{"text":"x"}],"patient":{"reference":"Patient/p"},"dateTime":"2026-01-01","performer":[{"reference":"RelatedPerson/m"}],
"sourceAttachment":{"title":"x"},"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},` +
			more + `"provision":` + provision + `}`
	}
	purpose := `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}`
	for name, bad := range map[string]string{
		"a list of provisions": form(`[{"type":"deny"}]`, ""),
		"a nested one alone":   form(`{"type":"permit","provision":{"type":"deny"}}`, ""),
		"a purpose alone":      form(`{"type":"permit","purpose":`+purpose+`}`, ""),
		"a list of periods":    form(`{"type":"permit","period":[{"end":"2020-01-01"}]}`, ""),
		"a decision beside it": form(`{"type":"permit"}`, `"decision":"deny",`),
	} {
		if len(Check(parsed(t, bad))) == 0 {
			t.Errorf("%s: not refused", name)
		}
	}
	if found := Check(parsed(t, form(`{"type":"permit","purpose":[`+purpose+`],"period":{"end":"2030-01-01"},"provision":[{"type":"deny"}]}`, ""))); len(found) > 0 {
		t.Errorf("a sound form: %v", found)
	}
}

// A comma before a strength ends a name; before another ingredient it does not.
func TestCommaInAMedication(t *testing.T) {
	t.Parallel()
	approved := parsed(t, `{"text":"fluoxetine"}`)
	for name, same := range map[string]bool{"fluoxetine, 20 mg once daily": true, "fluoxetine, olanzapine": false, "fluoxetine": true} {
		if d := (drug{words: words(name)}); d.is(approved) != same {
			t.Errorf("%s: %t", name, !same)
		}
	}
}

// A denial among approvals that names no order, or stands too deep to be read, is refused when it is filed.
func TestDenialThatWouldNotCount(t *testing.T) {
	t.Parallel()
	form := func(inner string) string {
		return `{"resourceType":"Consent","id":"c","status":"active","dateTime":"2026-01-01","performer":[{"reference":"RelatedPerson/m"}],"sourceAttachment":{"title":"x"},
"provision":{"type":"deny","provision":[` + inner + `]}}`
	}
	order := `"data":[{"meaning":"instance","reference":{"reference":"MedicationRequest/m"}}]`
	for text, needs := range map[string]string{
		`{"type":"deny","code":[{"text":"fluoxetine"}]}`: "data",
		`{"type":"deny",` + order + `}`:                  "",
		`{"type":"deny",` + order + `,"provision":[{}]}`: "deeply",
		`{"code":[{"text":"fluoxetine"}],` + order + `}`: "type",
	} {
		found := CheckMedicationApproval(parsed(t, form(text)))
		if needs == "" && len(found) > 0 || needs != "" && (len(found) == 0 || !strings.Contains(found[0].Text, needs)) {
			t.Errorf("%s: %v", text, found)
		}
	}
}
