package cdshooks

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"caregate/adapters"
	"caregate/fhir"
)

// The decisions, as card.summary says them.
const (
	consentPermit = "CONSENT_PERMIT"
	consentDeny   = "CONSENT_DENY"
	noConsent     = "NO_CONSENT"
)

// KindDecision is the Outbound.Kind of an answer that carries no content.
const KindDecision = "decision"

// The code systems of an answer.
const (
	systemActCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	systemConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
)

// response is the answer of a service: one card (CDS Hooks 2.0, "CDS Service Response").
type response struct {
	Cards []card `json:"cards"`
}

type card struct {
	Summary   string    `json:"summary"`
	Detail    string    `json:"detail"`
	Indicator string    `json:"indicator"`
	Source    source    `json:"source"`
	Extension extension `json:"extension"`
}

type source struct {
	Label string `json:"label"`
}

type extension struct {
	Decision    string         `json:"decision"`
	BasedOn     string         `json:"basedOn"`
	Obligations []obligation   `json:"obligations"`
	Content     jsontext.Value `json:"content,omitzero"`
}

type obligation struct {
	ID         coding     `json:"id"`
	Parameters parameters `json:"parameters"`
}

type parameters struct {
	ExceptAnyOfCodes []coding `json:"exceptAnyOfCodes"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// Codec renders what was released as a card. It reads nothing: a question is no message.
type Codec struct{}

var _ adapters.Codec = Codec{}

// Decode refuses: what is asked here is not taken in.
func (Codec) Decode(adapters.Inbound) (adapters.Decoded, error) {
	return adapters.Decoded{}, &adapters.Refusal{Code: adapters.CodeUnsupportedType}
}

// Encode writes the card of a permit. Its obligation names what the answer holds, and never
// what it lacks: the answer is the same whether or not there was something to withhold.
func (Codec) Encode(out adapters.Outbound) (adapters.Encoded, error) {
	c := newCard(consentPermit, "A consent in force permits this.", "info")
	c.Extension.BasedOn = strings.Join(out.BasedOn, ", ")
	c.Detail = strings.Join(append([]string{c.Detail}, out.Notices...), "\n\n")
	c.Extension.Obligations = []obligation{{
		ID:         coding{systemActCode, "REDACT"},
		Parameters: parameters{ExceptAnyOfCodes: labelsOf(out.Bundle)},
	}}
	if out.Kind != KindDecision {
		c.Extension.Content = out.Bundle.JSON()
	}
	return adapters.Encoded{ContentType: mediaType, Body: c.response()}, nil
}

// labelsOf lists the labels of what is released, each once, in one order. A record without
// one is normal: anything else has been labelled.
func labelsOf(bundle *fhir.Node) []coding {
	list := []coding{{systemConfidentiality, "N"}}
	for _, r := range fhir.Entries(bundle) {
		for _, l := range fhir.SecurityLabels(r) {
			if c := (coding{l.System, l.Code}); !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
	}
	slices.SortFunc(list, func(a, b coding) int { return strings.Compare(a.System+"|"+a.Code, b.System+"|"+b.Code) })
	return list
}

func newCard(decision, detail, indicator string) card {
	return card{
		Summary: decision, Detail: detail, Indicator: indicator, Source: source{Label: "Caregate"},
		Extension: extension{Decision: decision, Obligations: []obligation{}},
	}
}

func (c card) response() []byte {
	text, _ := json.Marshal(response{[]card{c}}) // nothing in it fails to encode
	return text
}

// denied is the card of a purpose that is not registered, or of a consent that says no.
func denied(detail string) []byte { return newCard(consentDeny, detail, "warning").response() }

// unknown is the card of a child that is not known and of one without a consent: the same bytes.
func unknown() []byte {
	return newCard(noConsent, "No applicable consent was found.", "warning").response()
}
