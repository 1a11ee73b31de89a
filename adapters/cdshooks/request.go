package cdshooks

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"caregate/adapters"
	"caregate/fhir"
)

// systemActReason is the code system of purposes of use (v3-ActReason).
const systemActReason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

// envelope is the call of a hook (CDS Hooks 2.0, "Calling a CDS Service"). What else a caller
// may send, prefetch, fhirServer and fhirAuthorization among it, is not looked at.
type envelope struct {
	Hook         string   `json:"hook"`
	HookInstance string   `json:"hookInstance"`
	Context      question `json:"context"`
}

// question is the context of patient-consent-consult. consent and category are left out:
// which consents count is no choice of the caller.
type question struct {
	PatientID    []systemValue  `json:"patientId"`
	PurposeOfUse codes          `json:"purposeOfUse"`
	Actor        []systemValue  `json:"actor"`
	Class        codes          `json:"class"`
	Content      jsontext.Value `json:"content"`
}

type systemValue struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// code is a Coding, or the bare code that some callers send.
type code struct{ system, code string }

// UnmarshalJSON reads both forms.
func (c *code) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &c.code) == nil {
		return nil
	}
	var coding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	err := json.Unmarshal(text, &coding)
	c.system, c.code = coding.System, coding.Code
	return err
}

// codes is a list, or the one item that some callers send instead.
type codes []code

// UnmarshalJSON reads both forms.
func (c *codes) UnmarshalJSON(text []byte) error {
	kind := jsontext.Value(text).Kind()
	if kind == '[' {
		return json.Unmarshal(text, (*[]code)(c))
	}
	if kind == 'n' {
		return nil
	}
	var one code
	err := json.Unmarshal(text, &one)
	*c = codes{one}
	return err
}

// read turns a body into a question. Its errors say what is wrong and hold no value.
func read(body []byte) (adapters.Consultation, error) {
	var e envelope
	var q adapters.Consultation
	if err := json.Unmarshal(body, &e); err != nil {
		return q, errors.New("the body is not the call of a hook, or a name stands in it twice")
	}
	if e.Hook != Service || e.HookInstance == "" {
		return q, errors.New("hook has to be " + Service + ", with a hookInstance")
	}
	q.Patient, q.Actors = identifiers(e.Context.PatientID), identifiers(e.Context.Actor)
	if len(q.Patient) == 0 {
		return q, errors.New("context.patientId is required")
	}
	for _, c := range e.Context.PurposeOfUse {
		if c.system != "" && c.system != systemActReason {
			c.code = "" // of another system, it is no purpose that anybody registered
		}
		q.Purposes = append(q.Purposes, c.code)
	}
	for _, c := range e.Context.Class {
		q.Classes = append(q.Classes, c.code)
	}
	if len(e.Context.Content) == 0 || e.Context.Content.Kind() == 'n' {
		return q, nil
	}
	content, err := fhir.Parse(e.Context.Content)
	if err != nil || content.ResourceType() != "Bundle" {
		return q, errors.New("context.content has to be a Bundle (FHIR R4)")
	}
	q.Content = content
	return q, nil
}

func identifiers(list []systemValue) []adapters.Identifier {
	var out []adapters.Identifier
	for _, v := range list {
		out = append(out, adapters.Identifier{System: v.System, Value: v.Value})
	}
	return out
}
