package fhirrest

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"caregate/adapters"
	"caregate/adapters/httpout"
	"caregate/fhir"
)

// The headers under which a message's identity travels.
const (
	KeyHeader    = "Idempotency-Key"
	OriginHeader = "X-Caregate-Origin" // PARTNER/CONTROLID of the message behind the delivery
	PlacerHeader = "X-Caregate-Placer"
)

// SenderConfig is one FHIR server that takes released Bundles.
type SenderConfig struct {
	httpout.Config
	Path string // below the base URL; "" posts to the base itself, "/$process-message" sends messages
}

// Sender posts released Bundles to one FHIR server. It is an adapters.Sender, an
// adapters.Prober and an io.Closer.
type Sender struct {
	client *httpout.Client
	path   string
}

var (
	_ adapters.Sender = (*Sender)(nil)
	_ adapters.Prober = (*Sender)(nil)
)

// NewSender checks the configuration; it connects to nothing.
func NewSender(c SenderConfig) (*Sender, error) {
	client, err := httpout.New(c.Config)
	if err != nil {
		return nil, err
	}
	return &Sender{client: client, path: c.Path}, nil
}

// Close lets go of idle connections.
func (s *Sender) Close() error { return s.client.Close() }

// Send posts the released body once. What each answer means stands in the table of
// httpout; a 400 or 422 is refined by its OperationOutcome, and a 2xx whose body is not
// JSON, or reports a failed entry, confirms nothing.
func (s *Sender) Send(ctx context.Context, permit adapters.Permit) (adapters.Receipt, error) {
	if !permit.Valid() {
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeForbidden, Detail: "no permit"}
	}
	release := permit.Release()
	header := map[string]string{
		"Content-Type": release.ContentType,
		"Accept":       mediaType,
		"Prefer":       "return=minimal",
	}
	for name, value := range map[string]string{
		KeyHeader: release.Key, OriginHeader: origin(release.Origin), PlacerHeader: release.Origin.Placer, "X-Request-Id": release.DeliveryID,
	} {
		if value != "" {
			header[name] = value
		}
	}
	answer, err := s.client.Do(ctx, httpout.Request{
		Method: http.MethodPost, Path: s.path, Header: header, Body: release.Body, WriteBy: release.WriteBy,
	})
	if err != nil {
		return adapters.Receipt{}, err
	}
	return receipt(answer)
}

func origin(o adapters.Origin) string {
	if o.Partner == "" && o.ControlID == "" {
		return ""
	}
	return o.Partner + "/" + o.ControlID
}

func receipt(answer httpout.Answer) (adapters.Receipt, error) {
	failure := answer.Failure()
	body := answerBody(answer)
	switch {
	case failure != nil:
		refine(failure, body)
		return adapters.Receipt{}, failure
	case !answer.JSON() || body == nil && !answer.Truncated && len(strings.TrimSpace(string(answer.Body))) > 0:
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeBadAnswer, Answer: fmt.Sprint(answer.Status), Detail: "the answer is not from a FHIR server"}
	case failedEntry(body):
		return adapters.Receipt{}, &adapters.Failure{Code: adapters.CodeBusinessRule, Answer: fmt.Sprint(answer.Status), Detail: "the answer reports a failed entry"}
	}
	theirs := safeToken(answer.Header.Get(MessageIDHeader))
	if theirs == "" {
		theirs = safeToken(body.ID())
	}
	return adapters.Receipt{Answer: fmt.Sprint(answer.Status), ControlID: theirs}, nil
}

// answerBody is the answer as FHIR, nil when it is none.
func answerBody(answer httpout.Answer) *fhir.Node {
	if answer.Truncated || !answer.JSON() {
		return nil
	}
	body, err := fhir.Parse(answer.Body)
	if err != nil || body.Kind() != fhir.Object {
		return nil
	}
	return body
}

// refinements say what an issue-type adds to a 400, 404 or 422; none makes a retry of it.
var refinements = map[string]adapters.Code{
	"structure":     adapters.CodeMalformed,
	"required":      adapters.CodeMissing,
	"value":         adapters.CodeDataType,
	"code-invalid":  adapters.CodeTableValue,
	"not-supported": adapters.CodeUnsupportedType,
	"not-found":     adapters.CodeUnknownKey,
	"duplicate":     adapters.CodeDuplicate,
	"business-rule": adapters.CodeBusinessRule,
}

// refine takes the issue-type of the answer's OperationOutcome, and nothing else of it:
// its texts may quote the message.
func refine(failure *adapters.Failure, body *fhir.Node) {
	if failure.Code != adapters.CodeBusinessRule || body.ResourceType() != "OperationOutcome" {
		return
	}
	kind := body.At("issue[0].code").Text()
	if code, ok := refinements[kind]; ok {
		failure.Code = code
		failure.Answer += " " + kind
	}
}

// failedEntry finds an entry whose own status is not 2xx, which a batch server may answer with 200.
func failedEntry(body *fhir.Node) bool {
	for _, entry := range body.Get("entry").Items() {
		if status := entry.At("response.status").Text(); status != "" && status[0] != '2' {
			return true
		}
	}
	return false
}

// Probe asks for the CapabilityStatement, which carries nothing about anybody.
func (s *Sender) Probe(ctx context.Context) error {
	answer, err := s.client.Do(ctx, httpout.Request{
		Method: http.MethodGet, Path: "/metadata", Header: map[string]string{"Accept": mediaType},
	})
	if err != nil {
		return fmt.Errorf("fhir server: %w", err)
	}
	if failure := answer.Failure(); failure != nil {
		return fmt.Errorf("fhir server: check the url and the credential: %w", failure)
	}
	if body := answerBody(answer); !answer.Truncated && body.ResourceType() != "CapabilityStatement" {
		return fmt.Errorf("fhir server: /metadata is no CapabilityStatement; the url must be the FHIR base")
	}
	return nil
}
