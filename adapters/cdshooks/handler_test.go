package cdshooks

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/fhir"
)

// call is one request over a real socket.
type call struct{ method, path, token, contentType, body string }

const plain = `{"hook":"patient-consent-consult","hookInstance":"1","context":{"patientId":[{"system":"urn:x","value":"canary-1"}],"purposeOfUse":["TREAT"]}}`

func do(t *testing.T, url string, c call) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", c.contentType)
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// serve is a handler that knows the token "good" as the partner clinic.
func serve(t *testing.T, c Config, consult Consult) string {
	t.Helper()
	c.Partner = func(r *http.Request) (string, bool) {
		return "clinic", r.Header.Get("Authorization") == "Bearer good"
	}
	server := httptest.NewServer(New(c, consult))
	t.Cleanup(server.Close)
	return server.URL
}

func answering(code adapters.Code, issues ...adapters.Issue) Consult {
	return func(context.Context, adapters.Consultation) (adapters.Permit, adapters.Ack) {
		return adapters.Permit{}, adapters.Ack{Code: code, Issues: issues}
	}
}

// TestRefusals: each with a twin that is answered; none repeats what was asked.
func TestRefusals(t *testing.T) {
	t.Parallel()
	url := serve(t, Config{MaxBytes: 2000}, answering(adapters.CodeUnknownKey))
	service := Path + "/" + Service
	good := call{http.MethodPost, service, "good", "application/json", plain}
	cases := map[string]struct {
		call   call
		status int
	}{
		"asked well":        {good, 200},
		"with a charset":    {call{good.method, service, "good", "application/json; charset=utf-8", plain}, 200},
		"no credential":     {call{good.method, service, "", good.contentType, plain}, 401},
		"wrong credential":  {call{good.method, service, "bad", good.contentType, plain}, 401},
		"another type":      {call{good.method, service, "good", "text/plain", plain}, 415},
		"another method":    {call{http.MethodGet, service, "good", good.contentType, ""}, 405},
		"another service":   {call{good.method, Path + "/other", "good", good.contentType, plain}, 404},
		"an encoded path":   {call{good.method, Path + "/patient%2Dconsent-consult", "good", good.contentType, plain}, 404},
		"too large":         {call{good.method, service, "good", good.contentType, plain + strings.Repeat(" ", 2000)}, 413},
		"not JSON":          {call{good.method, service, "good", good.contentType, "{"}, 400},
		"another hook":      {call{good.method, service, "good", good.contentType, strings.Replace(plain, `"hook":"patient-`, `"hook":"x-`, 1)}, 400},
		"no instance":       {call{good.method, service, "good", good.contentType, strings.Replace(plain, `"1"`, `""`, 1)}, 400},
		"nobody":            {call{good.method, service, "good", good.contentType, strings.Replace(plain, `{"system":"urn:x","value":"canary-1"}`, "", 1)}, 400},
		"a name twice":      {call{good.method, service, "good", good.contentType, strings.Replace(plain, `"context":{`, `"context":{"patientId":[],`, 1)}, 400},
		"content, a Bundle": {call{good.method, service, "good", good.contentType, strings.Replace(plain, `"context":{`, `"context":{"content":{"resourceType":"Bundle"},`, 1)}, 200},
		"content, no":       {call{good.method, service, "good", good.contentType, strings.Replace(plain, `"context":{`, `"context":{"content":{"resourceType":"Patient"},`, 1)}, 400},
	}
	for name, c := range cases {
		status, header, text := do(t, url, c.call)
		if status != c.status || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" || strings.Contains(text, "canary") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

// TestDiscovery: the service is listed for everybody, and says nothing about anybody.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	url := serve(t, Config{}, nil)
	status, _, text := do(t, url, call{method: http.MethodGet, path: Path})
	var list struct {
		Services []struct{ Hook, ID, Description string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != 200 || len(list.Services) != 1 || list.Services[0].ID != Service || list.Services[0].Hook != Service || list.Services[0].Description == "" {
		t.Errorf("%d %s %v", status, text, err)
	}
	if status, header, _ := do(t, url, call{method: http.MethodPost, path: Path}); status != 405 || header.Get("Allow") != "GET" {
		t.Errorf("POST is answered %d", status)
	}
}

// TestAnswers: what the pipeline says, as a card or as a status.
func TestAnswers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		consult Consult
		status  int
		want    string
	}{
		"unknown":   {answering(adapters.CodeUnknownKey), 200, `"summary":"NO_CONSENT"`},
		"denied":    {answering(adapters.CodeBusinessRule), 200, `"detail":"A consent in force denies this."`},
		"a reason":  {answering(adapters.CodeBusinessRule, adapters.Issue{Text: "Not registered."}), 200, `"detail":"Not registered."`},
		"forbidden": {answering(adapters.CodeForbidden), 403, `"error"`},
		"busy":      {answering(adapters.CodeBusy), 429, `"error"`},
		"no permit": {answering(adapters.CodeAccepted), 500, `"error"`},
		"panic":     {func(context.Context, adapters.Consultation) (adapters.Permit, adapters.Ack) { panic("canary-1") }, 500, `"error"`},
	}
	for name, c := range cases {
		url := serve(t, Config{}, c.consult)
		status, header, text := do(t, url, call{http.MethodPost, Path + "/" + Service, "good", "application/json", plain})
		if status != c.status || !strings.Contains(text, c.want) || strings.Contains(text, "canary") {
			t.Errorf("%s: %d %s", name, status, text)
		}
		if (c.status == 429) != (header.Get("Retry-After") == "2") && c.status != 500 {
			t.Errorf("%s: Retry-After %q", name, header.Get("Retry-After"))
		}
	}
}

// TestQuestionIsReadAsItWasAsked: who asks is the credential's partner, and nothing else is taken over.
func TestQuestionIsReadAsItWasAsked(t *testing.T) {
	t.Parallel()
	got := make(chan adapters.Consultation, 1)
	url := serve(t, Config{}, func(_ context.Context, q adapters.Consultation) (adapters.Permit, adapters.Ack) {
		got <- q
		return adapters.Permit{}, adapters.Ack{Code: adapters.CodeUnknownKey}
	})
	body := `{"hook":"patient-consent-consult","hookInstance":"1","fhirServer":"http://127.0.0.1:1","prefetch":{},"context":{
		"patientId":[{"system":"urn:x","value":"1"}],"category":[{"system":"a","code":"b"}],"purposeOfUse":"TREAT",
		"actor":[{"system":"urn:y","value":"2"}],"class":[{"code":"Condition"},"Observation"],"consent":[{"resourceType":"Consent"}],
		"content":{"resourceType":"Bundle"}}}`
	if status, _, text := do(t, url, call{http.MethodPost, Path + "/" + Service, "good", "application/json", body}); status != 200 {
		t.Fatal(text)
	}
	q := <-got
	if q.Partner != "clinic" || len(q.Patient) != 1 || q.Patient[0] != (adapters.Identifier{System: "urn:x", Value: "1"}) ||
		len(q.Actors) != 1 || strings.Join(q.Purposes, " ") != "TREAT" || strings.Join(q.Classes, " ") != "Condition Observation" || q.Content == nil {
		t.Errorf("%+v", q)
	}
}

// TestBusy: a caller without a place is told to come again.
func TestBusy(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan bool), make(chan bool)
	url := serve(t, Config{MaxInFlight: 1}, func(context.Context, adapters.Consultation) (adapters.Permit, adapters.Ack) {
		entered <- true
		<-leave
		return adapters.Permit{}, adapters.Ack{Code: adapters.CodeUnknownKey}
	})
	asked := call{http.MethodPost, Path + "/" + Service, "good", "application/json", plain}
	first := make(chan int)
	go func() {
		status, _, _ := do(t, url, asked)
		first <- status
	}()
	<-entered
	begun := time.Now()
	if status, _, _ := do(t, url, asked); status != 429 || time.Since(begun) > 3*slotWait {
		t.Errorf("answered %d after %v", status, time.Since(begun))
	}
	leave <- true
	if status := <-first; status != 200 {
		t.Errorf("the first was answered %d", status)
	}
}

// TestCardIsTheSameForTheSame: the same release gives the same bytes, notices travel in it,
// and an answer without content has none.
func TestCardIsTheSameForTheSame(t *testing.T) {
	t.Parallel()
	bundle := fhir.NewResource("Bundle").Add("entry", fhir.NewObject().Set("resource", fhir.NewResource("Condition").SetText("id", "c").SetText("note", "<b>&")))
	out := adapters.Outbound{Bundle: bundle, BasedOn: []string{"Consent/a", "Consent/b"}, Notices: []string{"Do not pass on."}}
	first, err := Codec{}.Encode(out)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := (Codec{}).Encode(out); string(again.Body) != string(first.Body) {
		t.Error("the same release gives other bytes")
	}
	for _, want := range []string{`"basedOn":"Consent/a, Consent/b"`, "Do not pass on.", `"code":"REDACT"`, string(bundle.JSON())} {
		if !strings.Contains(string(first.Body), want) {
			t.Errorf("%s is not in %s", want, first.Body)
		}
	}
	out.Kind = KindDecision
	if bare, _ := (Codec{}).Encode(out); strings.Contains(string(bare.Body), `"content"`) {
		t.Errorf("content in %s", bare.Body)
	}
	if _, err := (Codec{}).Decode(adapters.Inbound{}); err == nil {
		t.Error("a question was taken in as a message")
	}
}
