package fhirrest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"testing"
	"time"

	"caregate/adapters"
	"caregate/adapters/adapterstest"
	"caregate/adapters/fhirrest"
	"caregate/adapters/httpout"
	"caregate/fhir"
)

const canary = "Zztestcanary"

const token = "token-of-a-synthetic-partner"

func flow(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "flows", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t testing.TB, data []byte) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func patientBundle(family string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"p1",`+
		`"name":[{"family":%q}]},"request":{"method":"PUT","url":"Patient/p1"}}]}`, family)
}

func TestConformance(t *testing.T) {
	bad := func(body string) adapters.Inbound {
		return adapters.Inbound{Partner: "clinic", Protocol: fhirrest.Protocol, Interaction: "POST /", Raw: []byte(body)}
	}
	release := adapters.Release{
		Destination: "clinic", DeliveryID: "d_1", ContentType: "application/fhir+json", Body: patientBundle(canary), Key: "key-1",
		Origin: adapters.Origin{Partner: "soc", ControlID: "SOC\r\n1", Placer: "PL1"},
	}
	large := release
	large.Body = append(bytes.Clone(release.Body), bytes.Repeat([]byte(" "), 17<<20)...)
	adapterstest.Exercise(t, adapterstest.Subject{
		Name:     "fhirrest",
		Canaries: []string{canary, token},
		Codec:    fhirrest.Codec{},
		Bad: []adapters.Inbound{
			bad(`<Patient><name value="` + canary + `"/></Patient>`),
			bad(`{"resourceType":"Bundle","` + canary + `":1,"` + canary + `":2}`),
			bad(`{"resourceType":"Patient","id":"` + canary + `"}`),
			bad(`{"resourceType":"Bundle","type":"` + canary + `"}`),
			bad(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"` + canary + ` x"},"request":{"method":"PUT","url":"Patient/` + canary + ` x"}}]}`),
			bad(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"a","gender":"` + canary + `"},"request":{"method":"PUT","url":"Patient/a"}}]}`),
			bad(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Task","id":"a","status":"requested","intent":"order","for":{"reference":"urn:uuid:` + canary + `"}},"request":{"method":"PUT","url":"Task/a"}}]}`),
		},
		Outbound: adapters.Outbound{Bundle: parse(t, flow(t, "01-medication-consult/01-fhir-consult-request-transaction.json")), Key: "key-1", Created: time.Unix(1_790_000_000, 0)},
		Unfit: []adapters.Outbound{
			{Bundle: parse(t, []byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","name":[{"family":"`+canary+`"}]}}]}`))},
			{Bundle: parse(t, []byte(`{"resourceType":"Bundle","type":"transaction","id":"`+canary+`"}`))},
		},
		Sender: func(address string) adapters.Sender {
			s, err := fhirrest.NewSender(fhirrest.SenderConfig{Config: httpout.Config{URL: "http://" + address + "/fhir", AllowPrivate: true, Bearer: token, Timeout: 2 * time.Second}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Release: release,
		Large:   large,
		Read:    readRequest,
		Answers: answers(),
		Endless: []byte("HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"),
		Receiver: func(accept adapters.Accept) (adapters.Receiver, error) {
			return fhirrest.New(fhirrest.Config{
				Address:     "127.0.0.1:0",
				Credentials: fhirrest.Credentials{Tokens: map[string]string{fhirrest.HashToken(token): "clinic"}},
			}, accept, nil)
		},
		Post: func(address string, raw []byte) ([]byte, error) {
			_, body, err := post("http://"+address+"/fhir", raw)
			return body, err
		},
		Message: patientBundle(canary),
	})
}

func readRequest(r *bufio.Reader) (adapterstest.Request, error) {
	request, err := http.ReadRequest(r)
	if err != nil {
		return adapterstest.Request{}, err
	}
	wire, err := httputil.DumpRequest(request, true)
	return adapterstest.Request{Wire: wire}, err
}

// post sends a body as the registered partner over its own connection.
func post(url string, raw []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	request.Header.Set("Authorization", "Bearer "+token)
	request.Close = true
	return do(request)
}

func do(request *http.Request) (*http.Response, []byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// reply makes a wire answer that quotes the request, as careless servers do.
func reply(status int, header string) func(adapterstest.Request) []byte {
	return func(r adapterstest.Request) []byte {
		_, quoted, _ := bytes.Cut(r.Wire, []byte("\r\n\r\n"))
		body := fmt.Appendf(nil, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing","diagnostics":%q}]}`, quoted)
		return raw(status, "Content-Type: application/fhir+json\r\n"+header, body)
	}
}

func raw(status int, header string, body []byte) []byte {
	return append(fmt.Appendf(nil, "HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n", status, header, len(body)), body...)
}

func fixed(status int, header, body string) func(adapterstest.Request) []byte {
	return func(adapterstest.Request) []byte { return raw(status, header, []byte(body)) }
}

func answers() []adapterstest.Answer {
	const asJSON = "Content-Type: application/fhir+json\r\n"
	list := []adapterstest.Answer{
		{Name: "200 outcome", Wire: reply(200, ""), Want: adapters.CodeAccepted},
		{Name: "201 empty", Wire: fixed(201, "", ""), Want: adapters.CodeAccepted},
		{Name: "202 empty", Wire: fixed(202, "", ""), Want: adapters.CodeAccepted},
		{Name: "204", Wire: func(adapterstest.Request) []byte { return []byte("HTTP/1.1 204 No Content\r\n\r\n") }, Want: adapters.CodeAccepted},
		{Name: "200 transaction response", Wire: fixed(200, asJSON, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"200 OK"}}]}`), Want: adapters.CodeAccepted},
		{Name: "200 with a failed entry", Wire: fixed(200, asJSON, `{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"422"}}]}`), Want: adapters.CodeBusinessRule},
		{Name: "200 login page", Wire: fixed(200, "Content-Type: text/html\r\n", "<html>log in</html>"), Want: adapters.CodeBadAnswer},
		{Name: "200 broken JSON", Wire: fixed(200, asJSON, `{"resourceType":`), Want: adapters.CodeBadAnswer},
		{Name: "302", Wire: fixed(302, "Location: http://127.0.0.1:1/\r\n", ""), Want: adapters.CodeConfiguration},
		{Name: "422 code-invalid", Wire: fixed(422, asJSON, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"code-invalid"}]}`), Want: adapters.CodeTableValue},
		{Name: "409 in work", Wire: fixed(409, "Retry-After: 3\r\n", ""), Want: adapters.CodeBusy, After: 3 * time.Second},
		{Name: "429 seconds", Wire: fixed(429, "Retry-After: 7\r\n", ""), Want: adapters.CodeBusy, After: 7 * time.Second},
		{Name: "503 date", Wire: fixed(503, "Date: Tue, 27 Oct 2026 14:00:00 GMT\r\nRetry-After: Tue, 27 Oct 2026 14:02:00 GMT\r\n", ""), Want: adapters.CodeUnavailable, After: 2 * time.Minute},
		{Name: "503 absurd", Wire: fixed(503, "Retry-After: 4000000000\r\n", ""), Want: adapters.CodeUnavailable, After: 24 * time.Hour},
		{Name: "closed without an answer", Wire: func(adapterstest.Request) []byte { return nil }, Want: adapters.CodeBadAnswer},
		{Name: "not HTTP", Wire: func(adapterstest.Request) []byte { return []byte("MSH|^~\\&|\r\n\r\n") }, Want: adapters.CodeBadAnswer},
		{Name: "stops in the middle", Wire: func(adapterstest.Request) []byte { return []byte("HTTP/1.1 20") }, Want: adapters.CodeTimeout},
	}
	for status, want := range map[int]adapters.Code{
		400: adapters.CodeBusinessRule, 401: adapters.CodeUnauthenticated, 403: adapters.CodeForbidden, 404: adapters.CodeUnknownKey,
		405: adapters.CodeUnsupportedType, 408: adapters.CodeTimeout, 409: adapters.CodeDuplicate, 410: adapters.CodeUnknownKey,
		412: adapters.CodeBusinessRule, 413: adapters.CodeTooLarge, 415: adapters.CodeUnsupportedType, 418: adapters.CodeBusinessRule,
		422: adapters.CodeBusinessRule, 429: adapters.CodeBusy, 500: adapters.CodeInternal, 501: adapters.CodeUnsupportedType,
		502: adapters.CodeUnavailable, 503: adapters.CodeUnavailable, 504: adapters.CodeTimeout, 599: adapters.CodeInternal, 299: adapters.CodeBadAnswer,
	} {
		list = append(list, adapterstest.Answer{Name: fmt.Sprint(status), Wire: reply(status, ""), Want: want})
	}
	return list
}
