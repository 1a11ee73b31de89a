package edfi_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"caregate/adapters"
	"caregate/adapters/adapterstest"
	"caregate/adapters/edfi"
	"caregate/adapters/httpout"
	"caregate/fhir"
)

const (
	canary = "Zztestcanary"
	secret = "synthetic-secret-of-the-key"
	access = "synthetic-access-token"
)

// district reads the descriptor map of the test's school district.
func district(t testing.TB) edfi.Codec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "district.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c edfi.Codec
	if err := yaml.UnmarshalWithOptions(data, &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if faults := c.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	return c
}

func parse(t testing.TB, data []byte) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func flow(t testing.TB, name string) *fhir.Node {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "flows", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, data)
}

var moveDay = time.Date(2026, 11, 9, 15, 0, 0, 0, time.UTC)

func outbound(bundle *fhir.Node) adapters.Outbound {
	return adapters.Outbound{Bundle: bundle, Key: "key-1", Event: "transaction", Created: moveDay}
}

// find returns the bodies of the plan's steps on one resource.
func find(t testing.TB, plan []byte, resource string) []*fhir.Node {
	t.Helper()
	var out []*fhir.Node
	for _, step := range parse(t, plan).Get("steps").Items() {
		if strings.HasSuffix(step.Get("path").Text(), "/"+resource) {
			out = append(out, step.Get("body"))
		}
	}
	return out
}

// TestPlacementChange renders the placement flow and compares with the flow's own Ed-Fi samples.
func TestPlacementChange(t *testing.T) {
	t.Parallel()
	bundle := flow(t, "07-placement-change/02-fhir-placement-transaction.json")
	bundle.At("entry[1].resource").Add("identifier", fhir.NewObject().
		Set("system", fhir.NewString("https://api.ed-fi.example.org/contactUniqueId")).Set("value", fhir.NewString("C-778990")))
	encoded, err := district(t).Encode(outbound(bundle))
	if err != nil {
		t.Fatal(err)
	}
	links := find(t, encoded.Body, "studentContactAssociations")
	want := flow(t, "07-placement-change/05-edfi-studentContactAssociations-post.json")
	if len(links) != 2 || !cmp.Equal(string(links[0].JSON()), string(want.JSON())) {
		t.Errorf("association differs: %s", cmp.Diff(string(want.JSON()), string(links[0].JSON())))
	}
	if ended := links[1]; ended.Get("livesWith").Text() != "false" || ended.Get("primaryContactStatus").Text() != "false" {
		t.Error("the former foster parent is still the one to call")
	}
	addresses := find(t, encoded.Body, "studentEducationOrganizationAssociations")
	sample := flow(t, "07-placement-change/04-edfi-studentEducationOrganizationAssociations-put.json")
	if got, want := string(addresses[0].Get("addresses").JSON()), string(sample.Get("addresses").JSON()); got != want {
		t.Errorf("addresses differ: %s", cmp.Diff(want, got))
	}
	if bytes.Contains(encoded.Body, []byte("100 Example Foster Ln")) || bytes.Contains(encoded.Body, []byte("312-555-0101")) {
		t.Error("the former placement is told")
	}
	if contacts := find(t, encoded.Body, "contacts"); len(contacts) != 1 {
		t.Errorf("%d contacts, want 1: the aunt stands in both places", len(contacts))
	}
}

// TestPastIsByDay holds the boundary: until the day of the move, the old address is current.
func TestPastIsByDay(t *testing.T) {
	t.Parallel()
	for created, want := range map[string]int{
		"2026-11-07T12:00:00Z": 2, "2026-11-08T04:00:00Z": 2, // still the 7th in Chicago
		"2026-11-08T12:00:00Z": 1, "2027-01-01T00:00:00Z": 1,
	} {
		bundle := flow(t, "07-placement-change/02-fhir-placement-transaction.json")
		bundle.At("entry[0].resource.address[0]").Set("use", fhir.NewString("home"))
		out := outbound(bundle)
		out.Created, _ = time.Parse(time.RFC3339, created)
		encoded, err := district(t).Encode(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := find(t, encoded.Body, "studentEducationOrganizationAssociations")[0].Get("addresses").Len(); got != want {
			t.Errorf("at %s: %d current addresses, want %d", created, got, want)
		}
	}
}

// TestNothingClinical fills a Bundle with everything that a school must not hear, in every
// place that the codec comes near, and looks for any trace of it.
func TestNothingClinical(t *testing.T) {
	t.Parallel()
	bundle := flow(t, "07-placement-change/02-fhir-placement-transaction.json")
	for _, name := range []string{
		"01-medication-consult/01-fhir-consult-request-transaction.json",
		"01-medication-consult/11-fhir-consult-answer-transaction.json",
	} {
		for _, entry := range flow(t, name).Get("entry").Items() {
			if typ := entry.Get("resource").ResourceType(); typ != "Patient" && typ != "RelatedPerson" {
				bundle.Add("entry", entry)
			}
		}
	}
	note := fhir.NewString(canary)
	for _, i := range []int{0, 1, 2} {
		resource := bundle.At(fmt.Sprintf("entry[%d].resource", i))
		resource.Set("text", fhir.NewObject().Set("div", note))
		resource.Add("extension", fhir.NewObject().Set("url", fhir.NewString("urn:x")).Set("valueString", note))
		resource.Add("contained", fhir.NewResource("Condition").Set("id", note))
		resource.Add("communication", fhir.NewObject().Set("text", note))
	}
	bundle.At("entry[1].resource.relationship[0]").Set("text", note)
	bundle.At("entry[0].resource.address[1]").Set("text", note)
	encoded, err := district(t).Encode(outbound(bundle))
	if err != nil {
		t.Fatal(err)
	}
	clinical := 0
	for _, resource := range fhir.Entries(bundle) {
		switch resource.ResourceType() {
		case "Condition", "MedicationRequest", "MedicationStatement", "AllergyIntolerance", "Observation", "DocumentReference", "ServiceRequest", "Task":
			clinical++
			for _, text := range texts(resource) {
				if len(text) > 6 && bytes.Contains(encoded.Body, []byte(text)) {
					t.Errorf("a text of %s is told to the school", resource.ResourceType())
				}
			}
		}
	}
	if clinical < 8 {
		t.Errorf("only %d clinical resources in the test", clinical)
	}
	if bytes.Contains(encoded.Body, []byte(canary)) {
		t.Error("free text is told to the school")
	}
	if !bytes.Contains(encoded.Body, []byte("9 Sample Relative Ave")) {
		t.Error("the address is not told: the test proves nothing")
	}
}

// texts are the displays, notes and free texts of a resource.
func texts(n *fhir.Node) []string {
	var out []string
	for name, child := range n.Members() {
		if (name == "text" || name == "display" || name == "div" || name == "data" || name == "title") && child.Kind() == fhir.String {
			out = append(out, child.Text())
		}
		out = append(out, texts(child)...)
	}
	for _, child := range n.Items() {
		out = append(out, texts(child)...)
	}
	return out
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	patient := func(change func(p *fhir.Node)) *fhir.Node {
		b := flow(t, "07-placement-change/02-fhir-placement-transaction.json")
		change(b.At("entry[0].resource"))
		return b
	}
	cases := []struct {
		name     string
		bundle   *fhir.Node
		code     adapters.Code
		location string
	}{
		{"only a task", parse(t, []byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Task","id":"t"}}]}`)), adapters.CodeBusinessRule, "Bundle.entry"},
		{"child without address", patient(func(p *fhir.Node) {
			p.Remove("address")
			p.Remove("telecom")
			p.Remove("contact")
			p.Remove("identifier")
		}), adapters.CodeBusinessRule, "Bundle.entry"},
		{"unknown student", patient(func(p *fhir.Node) { p.Remove("identifier") }), adapters.CodeUnknownKey, "Bundle.entry[0].resource.identifier"},
		{"unmapped use", patient(func(p *fhir.Node) { p.At("address[1]").Set("use", fhir.NewString("billing")) }), adapters.CodeConfiguration, "Bundle.entry[0].resource.address[1].use"},
		{"unmapped state", patient(func(p *fhir.Node) { p.At("address[1]").Set("state", fhir.NewString("WI")) }), adapters.CodeConfiguration, "Bundle.entry[0].resource.address[1].state"},
		{"no city", patient(func(p *fhir.Node) { p.At("address[1]").Remove("city") }), adapters.CodeMissing, "Bundle.entry[0].resource.address[1].city"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := district(t).Encode(outbound(c.bundle))
			var refusal *adapters.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("not refused: %v", err)
			}
			if refusal.Code != c.code || refusal.Issues[0].Location != c.location {
				t.Errorf("got %s at %s, want %s at %s", refusal.Code, refusal.Issues[0].Location, c.code, c.location)
			}
		})
	}
	if _, err := district(t).Encode(outbound(patient(func(*fhir.Node) {}))); err != nil {
		t.Errorf("the allowed twin is refused: %v", err)
	}
	withNotice := outbound(patient(func(*fhir.Node) {}))
	withNotice.Notices = []string{"42 CFR part 2 prohibits unauthorized disclosure of these records."}
	if _, err := district(t).Encode(withNotice); err == nil {
		t.Error("a notice that cannot travel was dropped")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	_, err := district(t).Decode(adapters.Inbound{Raw: []byte("[]")})
	var refusal *adapters.Refusal
	if !errors.As(err, &refusal) || refusal.Code != adapters.CodeUnsupportedType {
		t.Errorf("got %v", err)
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	t.Parallel()
	c := edfi.Codec{Zone: "Nowhere/None", Descriptors: edfi.Descriptors{State: map[string]string{"IL": "Illinois"}, Relation: map[string]edfi.Relation{"AUNT": {}}}}
	if faults := c.Check(); len(faults) != 5 {
		t.Errorf("%d faults, want 5: %v", len(faults), faults)
	}
}

func newSender(t testing.TB, address string) *edfi.Sender {
	t.Helper()
	s, err := edfi.NewSender(edfi.SenderConfig{Config: httpout.Config{
		URL: "http://" + address, AllowPrivate: true, Timeout: 2 * time.Second,
		OAuth: &httpout.OAuth{TokenURL: "http://" + address + "/oauth/token", ClientID: "key", Secret: secret},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	bundle := flow(t, "07-placement-change/02-fhir-placement-transaction.json")
	bundle.At("entry[1].resource.name[0]").Set("family", fhir.NewString(canary))
	codec := district(t)
	encoded, err := codec.Encode(outbound(bundle))
	if err != nil {
		t.Fatal(err)
	}
	unmapped := bundle.Clone()
	unmapped.At("entry[0].resource.address[1]").Set("use", fhir.NewString(canary))
	nameless := bundle.Clone()
	nameless.At("entry[1].resource.name[0]").Remove("given")
	release := adapters.Release{
		Destination: "district", DeliveryID: "d_1", ContentType: encoded.ContentType, Body: encoded.Body, Key: "key-1",
		Origin: adapters.Origin{Partner: "soc", ControlID: "M1"},
	}
	large := release
	large.Body = fmt.Appendf(nil, `{"steps":[{"method":"POST","path":"/data/v3/ed-fi/contacts","key":{},"body":{"lastSurname":"%s%s"}}]}`, canary, strings.Repeat("x", 17<<20))
	adapterstest.Exercise(t, adapterstest.Subject{
		Name:     "edfi",
		Canaries: []string{canary, secret, access},
		Codec:    codec,
		Bad:      []adapters.Inbound{{Raw: []byte(canary)}},
		Outbound: outbound(bundle),
		Unfit:    []adapters.Outbound{outbound(unmapped), outbound(nameless)},
		Sender:   func(address string) adapters.Sender { return newSender(t, address) },
		Release:  release,
		Large:    large,
		Read:     readRequest,
		Answers:  answers(),
		Endless:  []byte("HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"),
	})
}

func readRequest(r *bufio.Reader) (adapterstest.Request, error) {
	request, err := http.ReadRequest(r)
	if err != nil {
		return adapterstest.Request{}, err
	}
	wire, err := httputil.DumpRequest(request, true)
	return adapterstest.Request{Wire: wire, Handshake: request.URL.Path == "/oauth/token" || request.Method == http.MethodGet}, err
}

func wire(status int, header, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

// upsert answers the token request and the look-ups well, and upserts as given.
func upsert(status int, header, body string) func(adapterstest.Request) []byte {
	return func(r adapterstest.Request) []byte {
		switch {
		case bytes.HasPrefix(r.Wire, []byte("POST /oauth/token ")):
			return wire(200, "", `{"access_token":"`+access+`","token_type":"bearer","expires_in":1799}`)
		case r.Handshake:
			return wire(200, "", "[]")
		}
		return wire(status, header, body)
	}
}

func tokens(status int, header, body string) func(adapterstest.Request) []byte {
	return func(adapterstest.Request) []byte { return wire(status, header, body) }
}

func answers() []adapterstest.Answer {
	const problem = `{"detail":"` + canary + `","type":"urn:ed-fi:api:%s","title":"x","status":%d,"correlationId":"1"}`
	list := []adapterstest.Answer{
		{Name: "201", Wire: upsert(201, "", ""), Want: adapters.CodeAccepted},
		{Name: "200", Wire: upsert(200, "", ""), Want: adapters.CodeAccepted},
		{Name: "409 unresolved reference", Wire: upsert(409, "", fmt.Sprintf(problem, "data-conflict:unresolved-reference", 409)), Want: adapters.CodeUnknownKey},
		{Name: "429", Wire: upsert(429, "Retry-After: 9\r\n", ""), Want: adapters.CodeBusy, After: 9 * time.Second},
		{Name: "token 401", Wire: tokens(401, "", `{"error":"invalid_client"}`), Want: adapters.CodeUnauthenticated},
		{Name: "token 400", Wire: tokens(400, "", `{"error":"invalid_client"}`), Want: adapters.CodeUnauthenticated},
		{Name: "token 503", Wire: tokens(503, "Retry-After: 4\r\n", ""), Want: adapters.CodeUnavailable, After: 4 * time.Second},
		{Name: "token garbage", Wire: tokens(200, "", `{"access_token":"a\r\nb"}`), Want: adapters.CodeBadAnswer},
		{Name: "token missing", Wire: tokens(200, "", `{}`), Want: adapters.CodeBadAnswer},
	}
	for status, want := range map[int]adapters.Code{
		400: adapters.CodeBusinessRule, 401: adapters.CodeUnauthenticated, 403: adapters.CodeForbidden, 404: adapters.CodeUnknownKey,
		409: adapters.CodeDuplicate, 412: adapters.CodeBusinessRule, 429: adapters.CodeBusy, 500: adapters.CodeInternal,
		502: adapters.CodeUnavailable, 503: adapters.CodeUnavailable, 504: adapters.CodeTimeout,
	} {
		list = append(list, adapterstest.Answer{Name: fmt.Sprint(status), Wire: upsert(status, "", fmt.Sprintf(problem, "x", status)), Want: want})
	}
	return list
}
