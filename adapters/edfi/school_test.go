package edfi_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/edfi"
	"caregate/adapters/httpout"
	"caregate/fhir"
)

// school is an Ed-Fi API in memory: records by natural key, replaced whole on POST.
type school struct {
	mu      sync.Mutex
	records map[string]string // path?sorted key -> record
	posts   []string          // method, path and body of each request that is no look-up
	keys    []string          // Idempotency-Key of each post
	down    string            // path that answers 503
}

// naturalKeys are the properties that name a record of each resource.
var naturalKeys = map[string][]string{
	"contacts":                   {"contactUniqueId"},
	"studentContactAssociations": {"contactReference.contactUniqueId", "studentReference.studentUniqueId"},
	"studentEducationOrganizationAssociations": {"educationOrganizationReference.educationOrganizationId", "studentReference.studentUniqueId"},
}

func (s *school) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/oauth/token" {
		if r.Header.Get("Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("key:"+secret)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":1799}`, access)
		return
	}
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case r.Header.Get("Authorization") != "Bearer "+access:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == s.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == http.MethodGet && resource == "students" && r.URL.RawQuery == "limit=0":
		_, _ = io.WriteString(w, "[]")
	case r.Method == http.MethodGet:
		var values []string
		for _, name := range naturalKeys[resource] {
			values = append(values, r.URL.Query().Get(name[strings.LastIndex(name, ".")+1:]))
		}
		if record, ok := s.records[resource+" "+strings.Join(values, " ")]; ok {
			_, _ = io.WriteString(w, "["+record+"]")
			return
		}
		_, _ = io.WriteString(w, "[]")
	default:
		s.post(w, r, resource)
	}
}

func (s *school) post(w http.ResponseWriter, r *http.Request, resource string) {
	body, _ := io.ReadAll(r.Body)
	record, err := fhir.Parse(body)
	if err != nil || record.Get("id") != nil || record.Get("_etag") != nil || naturalKeys[resource] == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.posts = append(s.posts, r.Method+" "+r.URL.Path+" "+string(body))
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	var values []string
	for _, name := range naturalKeys[resource] {
		values = append(values, record.At(name).Text())
	}
	key := resource + " " + strings.Join(values, " ")
	status := http.StatusCreated
	if _, ok := s.records[key]; ok {
		status = http.StatusOK
	}
	stored := record.Clone().Set("id", fhir.NewString("0d6f1c2a")).Set("_etag", fhir.NewString("1"))
	s.records[key] = strings.Replace(string(stored.JSON()), "{", `{"middleName":null,`, 1)
	w.WriteHeader(status)
}

func open(t *testing.T, s *school) *edfi.Sender {
	t.Helper()
	if s.records == nil {
		s.records = map[string]string{}
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	sender := newSender(t, strings.TrimPrefix(server.URL, "http://"))
	t.Cleanup(func() { _ = sender.Close() })
	return sender
}

func permit(t *testing.T, c edfi.Codec, bundle *fhir.Node) adapters.Permit {
	t.Helper()
	encoded, err := c.Encode(outbound(bundle))
	if err != nil {
		t.Fatal(err)
	}
	return adapters.Permitted(adapters.Release{ContentType: encoded.ContentType, Body: encoded.Body, Key: "key-1", WriteBy: time.Now().Add(10 * time.Second)})
}

const seoa = "studentEducationOrganizationAssociations 255901 604822"

// TestKeepsWhatTheSchoolWrote moves a child whose record the school has filled: the home
// address changes, and the mailing address, the characteristics and the etag's record stay.
func TestKeepsWhatTheSchoolWrote(t *testing.T) {
	t.Parallel()
	s := &school{records: map[string]string{seoa: `{"id":"9d1c","_etag":"5250","educationOrganizationReference":{"educationOrganizationId":255901,"link":{"rel":"x","href":"/y"}},` +
		`"studentReference":{"studentUniqueId":"604822","link":{"rel":"x","href":"/y"}},"hispanicLatinoEthnicity":null,` +
		`"addresses":[{"addressTypeDescriptor":"uri://ed-fi.org/AddressTypeDescriptor#Home","streetNumberName":"100 Example Foster Ln"},` +
		`{"addressTypeDescriptor":"uri://ed-fi.org/AddressTypeDescriptor#Mailing","streetNumberName":"PO Box 1","latitude":null}],` +
		`"studentCharacteristics":[{"studentCharacteristicDescriptor":"uri://ed-fi.org/StudentCharacteristicDescriptor#Foster Care"}]}`}}
	sender := open(t, s)
	bundle := flow(t, "07-placement-change/02-fhir-placement-transaction.json")
	receipt, err := sender.Send(t.Context(), permit(t, district(t), bundle))
	if err != nil || receipt.Answer != "200" {
		t.Fatalf("%+v %v", receipt, err)
	}
	got := s.records[seoa]
	for text, want := range map[string]bool{"9 Sample Relative Ave": true, "PO Box 1": true, "Foster Care": true, "100 Example Foster Ln": false, "href": false} {
		if strings.Contains(got, text) != want {
			t.Errorf("%q in the school's record: %v", text, !want)
		}
	}
}

// TestPlanIsIdempotent sends twice, and once more after a failure half way: each time the
// same requests in the same order, and the same records.
func TestPlanIsIdempotent(t *testing.T) {
	t.Parallel()
	s := &school{}
	sender := open(t, s)
	p := permit(t, district(t), flow(t, "07-placement-change/02-fhir-placement-transaction.json"))
	s.down = "/data/v3/ed-fi/studentContactAssociations"
	if _, err := sender.Send(t.Context(), p); code(t, err) != adapters.CodeUnavailable {
		t.Fatalf("got %v", err)
	}
	s.down = ""
	for range 2 {
		if _, err := sender.Send(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"contacts", "studentContactAssociations", "studentEducationOrganizationAssociations"}
	var order []string
	for _, post := range s.posts {
		path := strings.Fields(post)[1]
		order = append(order, path[strings.LastIndex(path, "/")+1:])
	}
	if !slices.Equal(order, slices.Concat(want[:1], want, want)) {
		t.Errorf("requests: %v", order)
	}
	if !slices.Equal(s.posts[1:4], s.posts[4:7]) || s.posts[0] != s.posts[1] {
		t.Error("a repeat sent something else")
	}
	if !slices.Equal(s.keys[1:4], []string{"key-1.0", "key-1.1", "key-1.3"}) {
		t.Errorf("keys %v", s.keys)
	}
	if len(s.records) != 3 {
		t.Errorf("%d records, want 3: the former foster parent was never a contact here", len(s.records))
	}
}

// TestFormerCaregiver holds that a caregiver whom the school knows is called no more.
func TestFormerCaregiver(t *testing.T) {
	t.Parallel()
	s := &school{}
	sender := open(t, s)
	before := flow(t, "00-cast/cast-il-transaction.json")
	before.Get("entry").KeepItems(func(e *fhir.Node) bool {
		return e.Get("resource").ResourceType() == "Patient" || e.Get("resource").ID() == "foster-parent-1"
	})
	if _, err := sender.Send(t.Context(), permit(t, district(t), before)); err != nil {
		t.Fatal(err)
	}
	if _, err := sender.Send(t.Context(), permit(t, district(t), flow(t, "07-placement-change/02-fhir-placement-transaction.json"))); err != nil {
		t.Fatal(err)
	}
	primary := 0
	for key, record := range s.records {
		if strings.HasPrefix(key, "studentContactAssociations ") && strings.Contains(record, `"primaryContactStatus":true`) {
			primary++
			if !strings.Contains(record, "RelationDescriptor#Aunt") {
				t.Error("the former caregiver is the primary contact")
			}
		}
	}
	if primary != 1 || len(s.records) != 5 {
		t.Errorf("%d primary contacts in %d records", primary, len(s.records))
	}
}

func code(t *testing.T, err error) adapters.Code {
	t.Helper()
	failure, ok := err.(*adapters.Failure)
	if !ok {
		t.Fatalf("got %T, want *adapters.Failure", err)
	}
	return failure.Code
}

func TestProbe(t *testing.T) {
	t.Parallel()
	s := &school{}
	if err := open(t, s).Probe(t.Context()); err != nil {
		t.Errorf("a good destination is refused: %v", err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	wrong, err := edfi.NewSender(edfi.SenderConfig{Config: httpout.Config{
		URL: server.URL, AllowPrivate: true, OAuth: &httpout.OAuth{TokenURL: server.URL + "/oauth/token", ClientID: "key", Secret: "wrong"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = wrong.Close() }()
	if err := wrong.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("the remedy is not named: %v", err)
	}
	if len(s.posts) > 0 {
		t.Error("the probe wrote something")
	}
}
