package fhirrest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/fhirrest"
	"caregate/fhir"
)

// gate is a running receiver and what its pipeline saw.
type gate struct {
	url  string
	seen chan adapters.Inbound
	ack  adapters.Ack
}

func start(t *testing.T, c fhirrest.Config, ack adapters.Ack, read fhirrest.Read) *gate {
	t.Helper()
	g := &gate{seen: make(chan adapters.Inbound, 16), ack: ack}
	c.Address = "127.0.0.1:0"
	if c.Credentials.Tokens == nil {
		c.Credentials.Tokens = map[string]string{fhirrest.HashToken(token): "clinic", fhirrest.HashToken("another"): "district"}
	}
	r, err := fhirrest.New(c, func(_ context.Context, in adapters.Inbound) adapters.Ack {
		g.seen <- in
		return g.ack
	}, read)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	g.url = "http://" + r.Addr().String()
	return g
}

var good = adapters.Ack{MessageID: "m_1", Code: adapters.CodeAccepted}

// ask sends one request as the registered partner; change may alter it.
func ask(t *testing.T, method, url string, body []byte, change func(*http.Request)) (*http.Response, *fhir.Node) {
	t.Helper()
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/fhir+json")
	}
	if change != nil {
		change(request)
	}
	response, answer, err := do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response, parse(t, answer)
}

func TestInteractions(t *testing.T) {
	t.Parallel()
	consent := flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")
	bundle := flow(t, "07-placement-change/02-fhir-placement-transaction.json")
	message := flow(t, "01-medication-consult/16-fhir-message-bundle.json")
	cases := []struct {
		method, path, interaction string
		body                      []byte
		status                    int
		kind                      string
	}{
		{"POST", "/fhir", "POST /", bundle, 200, "Bundle"},
		{"POST", "/fhir/", "POST /", bundle, 200, "Bundle"},
		{"POST", "/fhir", "POST /", message, 200, "OperationOutcome"},
		{"POST", "/fhir/$process-message", "POST /", message, 200, "OperationOutcome"},
		{"POST", "/fhir/Consent", "POST Consent", consent, 201, "OperationOutcome"},
		{"PUT", "/fhir/Consent/consent-consult", "PUT Consent/602f2f88c343a0b2", consent, 200, "OperationOutcome"},
	}
	g := start(t, fhirrest.Config{}, good, nil)
	for _, c := range cases {
		response, answer := ask(t, c.method, g.url+c.path, c.body, func(r *http.Request) { r.Header.Set("X-Request-Id", "req-7") })
		if response.StatusCode != c.status || answer.ResourceType() != c.kind {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, response.StatusCode, answer.ResourceType(), c.status, c.kind)
		}
		if response.Header.Get(fhirrest.MessageIDHeader) != "m_1" || response.Header.Get("X-Request-Id") != "req-7" {
			t.Errorf("%s %s: ids are not in the header", c.method, c.path)
		}
		in := <-g.seen
		if in.Interaction != c.interaction || in.Partner != "clinic" || in.Protocol != fhirrest.Protocol || !bytes.Equal(in.Raw, c.body) {
			t.Errorf("%s %s: handed over as %q from %q", c.method, c.path, in.Interaction, in.Partner)
		}
	}
	response, _ := ask(t, "POST", g.url+"/fhir/Consent", consent, nil)
	if got := response.Header.Get("Location"); got != "/fhir/Consent/consent-consult" {
		t.Errorf("Location %q", got)
	}
}

func TestTransactionResponse(t *testing.T) {
	t.Parallel()
	body := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` +
		`{"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},` +
		`{"resource":{"resourceType":"Task"},"request":{"url":"Task","method":"POST"}}]}`)
	ack := good
	ack.Issues = []adapters.Issue{{Location: "Bundle.entry[1].resource.code", Code: adapters.CodeTableValue, Text: "unmapped"}}
	g := start(t, fhirrest.Config{}, ack, nil)
	_, answer := ask(t, "POST", g.url+"/fhir", body, nil)
	for path, want := range map[string]string{
		"type": "transaction-response", "entry[0].response.status": "200 OK", "entry[1].response.status": "201 Created",
		"entry[1].response.outcome.issue[0].severity":      "warning",
		"entry[1].response.outcome.issue[0].expression[0]": "Bundle.entry[1].resource.code",
	} {
		if got := answer.At(path).Text(); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if answer.At("entry[0].response.outcome") != nil {
		t.Error("an issue stands with the wrong entry")
	}
	if issues := fhir.Validate(answer); len(issues) > 0 {
		t.Errorf("the answer is not valid FHIR: %+v", issues)
	}
}

// TestEveryCode holds that each code of the table answers with its status and a valid OperationOutcome.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	body := patientBundle("Zztest")
	for _, code := range []adapters.Code{
		adapters.CodeHeld, adapters.CodeMalformed, adapters.CodeMissing, adapters.CodeDataType, adapters.CodeTableValue, adapters.CodeBusinessRule,
		adapters.CodeUnknownKey, adapters.CodeDuplicate, adapters.CodeForbidden, adapters.CodeInternal, adapters.CodeBusy, adapters.CodeConfiguration,
	} {
		g := start(t, fhirrest.Config{}, adapters.Ack{MessageID: "m_1", Code: code}, nil)
		response, answer := ask(t, "POST", g.url+"/fhir", body, nil)
		if response.StatusCode != code.Row().HTTP || answer.At("issue[0].code").Text() != code.Row().Issue {
			t.Errorf("%s: %d %s", code, response.StatusCode, answer.At("issue[0].code").Text())
		}
		if issues := fhir.Validate(answer); len(issues) > 0 {
			t.Errorf("%s: the answer is not valid FHIR: %+v", code, issues)
		}
	}
	g := start(t, fhirrest.Config{}, adapters.Ack{Silent: true}, nil)
	if response, _ := ask(t, "POST", g.url+"/fhir", body, nil); response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("a failed commit answers %d", response.StatusCode)
	}
	g = start(t, fhirrest.Config{}, adapters.Ack{}, nil)
	if response, _ := ask(t, "POST", g.url+"/fhir", body, nil); response.StatusCode != 500 {
		t.Errorf("an empty Ack answers %d", response.StatusCode)
	}
}

func TestRefusedBeforeThePipeline(t *testing.T) {
	t.Parallel()
	body := patientBundle("Zztest")
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	cases := []struct {
		name, method, path string
		body               []byte
		change             func(*http.Request)
		status             int
	}{
		{"no credential", "POST", "/fhir", body, func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"no credential, no route", "GET", "/fhir/nowhere", nil, func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"wrong token", "POST", "/fhir", body, header("Authorization", "Bearer wrong"), 401},
		{"the hash is not the token", "POST", "/fhir", body, header("Authorization", "Bearer "+fhirrest.HashToken(token)), 401},
		{"basic", "POST", "/fhir", body, header("Authorization", "Basic "+token), 401},
		{"empty token", "POST", "/fhir", body, header("Authorization", "Bearer "), 401},
		{"two tokens", "POST", "/fhir", body, func(r *http.Request) { r.Header.Add("Authorization", "Bearer another") }, 401},
		{"xml", "POST", "/fhir", body, header("Content-Type", "application/fhir+xml"), 415},
		{"wants xml", "POST", "/fhir", body, header("Accept", "application/fhir+xml"), 406},
		{"asks for xml", "POST", "/fhir?_format=xml", body, nil, 406},
		{"no media type", "POST", "/fhir", body, func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		{"latin-1", "POST", "/fhir", body, header("Content-Type", "application/fhir+json; charset=iso-8859-1"), 415},
		{"brotli", "POST", "/fhir", body, header("Content-Encoding", "br"), 415},
		{"not gzip", "POST", "/fhir", body, header("Content-Encoding", "gzip"), 400},
		{"conditional", "PUT", "/fhir/Consent/c", body, header("If-Match", `W/"3"`), 422},
		{"too large", "POST", "/fhir", bytes.Repeat([]byte(" "), 70_000), nil, 413},
		{"too large, length unknown", "POST", "/fhir", bytes.Repeat([]byte(" "), 70_000), func(r *http.Request) { r.ContentLength = -1 }, 413},
		{"gzip bomb", "POST", "/fhir", zipped(make([]byte, 20<<20)), header("Content-Encoding", "gzip"), 413},
		{"unknown path", "POST", "/fhir/Patient", body, nil, 404},
		{"outside the base", "POST", "/other", body, nil, 404},
		{"prefix only", "POST", "/fhirx", body, nil, 404},
		{"encoded slash", "PUT", "/fhir/Consent%2Fc", body, nil, 404},
		{"double slash", "POST", "/fhir//", body, nil, 404},
		{"dots", "PUT", "/fhir/x/../Consent/c", body, nil, 404},
		{"bad id", "PUT", "/fhir/Consent/a_b", body, nil, 404},
		{"method", "DELETE", "/fhir/Consent/c", nil, nil, 405},
		{"read is off", "GET", "/fhir/Patient/p1", nil, nil, 404},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, fhirrest.Config{MaxBytes: 64 << 10}, good, nil)
			response, answer := ask(t, c.method, g.url+c.path, c.body, c.change)
			if response.StatusCode != c.status || answer.ResourceType() != "OperationOutcome" {
				t.Errorf("%d %s, want %d", response.StatusCode, answer.ResourceType(), c.status)
			}
			if len(g.seen) > 0 {
				t.Error("the pipeline saw it")
			}
			if issues := fhir.Validate(answer); len(issues) > 0 {
				t.Errorf("the answer is not valid FHIR: %+v", issues)
			}
		})
	}
}

func zipped(data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(data)
	_ = w.Close()
	return out.Bytes()
}

// TestTaken is the allowed twin of the refusals above.
func TestTaken(t *testing.T) {
	t.Parallel()
	body := patientBundle("Zztest")
	g := start(t, fhirrest.Config{MaxBytes: 64 << 10, Base: "/partners"}, good, nil)
	for name, change := range map[string]func(*http.Request){
		"plain":           nil,
		"json":            func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=UTF-8") },
		"any answer":      func(r *http.Request) { r.Header.Set("Accept", "text/html, application/*;q=0.8") },
		"chunked":         func(r *http.Request) { r.ContentLength = -1 },
		"lower case":      func(r *http.Request) { r.Header.Set("Authorization", "bearer "+token) },
		"another partner": func(r *http.Request) { r.Header.Set("Authorization", "Bearer another") },
		"gzip": func(r *http.Request) {
			r.Header.Set("Content-Encoding", "gzip")
			r.Body = io.NopCloser(bytes.NewReader(zipped(body)))
			r.ContentLength = -1
		},
	} {
		response, _ := ask(t, "POST", g.url+"/partners/fhir", body, change)
		if response.StatusCode != 200 {
			t.Errorf("%s: %d", name, response.StatusCode)
			continue
		}
		if in := <-g.seen; !bytes.Equal(in.Raw, body) || name == "another partner" && in.Partner != "district" {
			t.Errorf("%s: handed over wrongly, from %s", name, in.Partner)
		}
	}
}

func TestSlowBodyIsCut(t *testing.T) {
	t.Parallel()
	g := start(t, fhirrest.Config{BodyTimeout: 150 * time.Millisecond}, good, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "POST /fhir HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", token)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 408 ")) {
		t.Errorf("got %q %v", answer[:n], err)
	}
}

// TestMemoryIsBounded sends more at a time than the budget holds: what does not fit is
// told to come again, and the budget is whole afterwards.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const large = 1 << 20
	g := start(t, fhirrest.Config{MaxBytes: 2 * large, Budget: 4 * large}, good, nil)
	body := append(patientBundle("Zztest"), bytes.Repeat([]byte(" "), large)...)
	var busy, taken atomic.Int64
	done := make(chan error, 12)
	for range 12 {
		go func() {
			response, _, err := post(g.url+"/fhir", body)
			switch {
			case err != nil: // refused while still writing: the partner sees a broken pipe
				busy.Add(1)
			case response.StatusCode == 200:
				taken.Add(1)
			case response.StatusCode == 429:
				busy.Add(1)
			default:
				done <- fmt.Errorf("status %d", response.StatusCode)
				return
			}
			done <- nil
		}()
	}
	for range 12 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Logf("taken %d, told to wait %d", taken.Load(), busy.Load())
	if response, _, err := post(g.url+"/fhir", body); err != nil || response.StatusCode != 200 {
		t.Errorf("after the burst: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	read := func(context.Context, string, string, string) (adapters.Permit, adapters.Ack) {
		return adapters.Permit{}, adapters.Ack{Code: adapters.CodeUnknownKey}
	}
	for name, r := range map[string]fhirrest.Read{"write only": nil, "with read": read} {
		g := start(t, fhirrest.Config{Software: "1.0"}, good, r)
		response, statement := ask(t, "GET", g.url+"/fhir/metadata", nil, func(r *http.Request) { r.Header.Del("Authorization") })
		if response.StatusCode != 200 || statement.ResourceType() != "CapabilityStatement" {
			t.Fatalf("%s: %d %s", name, response.StatusCode, statement.ResourceType())
		}
		if issues := fhir.Validate(statement); len(issues) > 0 {
			t.Errorf("%s: not valid FHIR: %+v", name, issues)
		}
		if got := strings.Contains(string(statement.JSON()), `"read"`); got != (r != nil) {
			t.Errorf("%s: says read: %v", name, got)
		}
		for _, want := range []string{`"transaction"`, `"create"`, `"update"`, `"process-message"`} {
			if !strings.Contains(string(statement.JSON()), want) {
				t.Errorf("%s: does not name %s", name, want)
			}
		}
	}
}

// TestReadTellsNothing holds that what is not there and what may not be seen answer alike.
func TestReadTellsNothing(t *testing.T) {
	t.Parallel()
	read := func(_ context.Context, partner, typ, id string) (adapters.Permit, adapters.Ack) {
		switch {
		case id == "mine" && partner == "clinic":
			return adapters.Permitted(adapters.Release{
				ContentType: "application/fhir+json", Body: []byte(`{"resourceType":"` + typ + `","id":"mine"}`), WriteBy: time.Now().Add(5 * time.Second),
			}), good
		case id == "late":
			return adapters.Permitted(adapters.Release{ContentType: "application/fhir+json", Body: []byte(`{}`), WriteBy: time.Now().Add(-time.Second)}), good
		case id == "secret":
			return adapters.Permit{}, adapters.Ack{MessageID: "m_9", Code: adapters.CodeForbidden, Issues: []adapters.Issue{{Location: "Patient", Text: "why"}}}
		case id == "down":
			return adapters.Permit{}, adapters.Ack{Code: adapters.CodeUnavailable}
		case id == "forgotten":
			return adapters.Permit{}, good
		}
		return adapters.Permit{}, adapters.Ack{Code: adapters.CodeUnknownKey}
	}
	g := start(t, fhirrest.Config{}, good, read)
	get := func(path string) (int, string) {
		response, answer := ask(t, "GET", g.url+"/fhir/"+path, nil, nil)
		return response.StatusCode, string(answer.JSON()) + response.Header.Get(fhirrest.MessageIDHeader)
	}
	if status, body := get("Patient/mine"); status != 200 || !strings.Contains(body, "mine") {
		t.Errorf("own resource: %d", status)
	}
	wantStatus, want := get("Patient/absent")
	for _, path := range []string{"Patient/secret", "Basic/absent"} {
		if status, body := get(path); status != 404 || status != wantStatus || body != want {
			t.Errorf("%s answers unlike an absent one", path)
		}
	}
	if status, _ := get("Patient/down"); status != 503 {
		t.Errorf("unavailable answers %d", status)
	}
	if status, _ := get("Patient/forgotten"); status != 500 {
		t.Errorf("no release answers %d", status)
	}
	request, _ := http.NewRequest("GET", g.url+"/fhir/Patient/late", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	if response, body, err := do(request); err == nil && response.StatusCode == 200 && len(body) > 0 {
		t.Error("a body left after its time to write")
	}
}

func TestPlainTextOnlyOnLoopback(t *testing.T) {
	t.Parallel()
	if _, err := fhirrest.New(fhirrest.Config{Address: "0.0.0.0:0"}, nil, nil); err == nil {
		t.Error("a listener without TLS binds every address")
	}
	handler, err := fhirrest.New(fhirrest.Config{}, nil, nil)
	if err != nil || handler.Addr() != nil {
		t.Errorf("a mounted handler: %v %v", handler.Addr(), err)
	}
	if err := handler.Serve(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Error("a handler without address serves")
	}
}
