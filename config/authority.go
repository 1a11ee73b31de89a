package config

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
)

// inputAuthority and inputReference are kinds of decision inputs, as package gateway keeps them.
const (
	inputAuthority = "authority"
	inputReference = "reference"
)

// Ack is what the pipeline answers to something that was entered.
type Ack = adapters.Ack

// Grant is one statement of authority on file.
type Grant struct {
	Holder       string   `json:"holder"`                 // "RelatedPerson/ID"
	Relationship string   `json:"relationship,omitempty"` // v3-RoleCode; "" keeps what is on file
	Domains      []string `json:"domains"`                // "all", "health", "mental-health", ...
	Basis        string   `json:"basis,omitempty"`
	Start        string   `json:"start,omitempty"` // local dates, inclusive; "" is open
	End          string   `json:"end,omitempty"`
	Source       string   `json:"source,omitempty"` // the document that proves it: a file, which is kept, or a reference "DocumentReference/ID"

	Origin Origin `json:"origin"`
}

// Authorities lists who may consent for a child, as filed.
func (a *App) Authorities(ctx context.Context, child string) ([]Grant, error) {
	all, err := a.authorities(ctx, child)
	list := make([]Grant, len(all))
	for i, one := range all {
		list[i] = Grant{one.Holder, one.Relationship, one.Domains, one.Basis, one.Start, one.End, one.Evidence, one.Origin}
	}
	return list, err
}

func (a *App) authorities(ctx context.Context, child string) ([]consent.Authority, error) {
	inputs, _, err := a.ledger.Inputs(ctx, child)
	if err != nil {
		return nil, err
	}
	list := []consent.Authority{}
	for _, in := range inputs {
		if in.Kind != inputAuthority || in.Ended {
			continue
		}
		var some []consent.Authority
		if err := json.Unmarshal(in.Body, &some); err != nil {
			return nil, errors.New("an authority on file cannot be read")
		}
		list = append(list, some...)
	}
	return list, nil
}

// EndAuthority ends what a holder has in some domains, or in all, on a day.
func (a *App) EndAuthority(ctx context.Context, child string, g Grant) (Ack, error) {
	f, err := a.filing(ctx, child, g.Source)
	if err != nil {
		return Ack{}, err
	}
	for i, one := range f.held {
		named := len(g.Domains) == 0 || slices.ContainsFunc(one.Domains, func(d string) bool { return slices.Contains(g.Domains, d) })
		if one.Holder != g.Holder || !named {
			continue
		}
		f.held[i].End, f.touched = earlier(one.End, g.End), []string{g.Holder}
	}
	if f.touched == nil {
		return Ack{}, fmt.Errorf("the holder has no such authority on file: %w", ledger.ErrNotFound)
	}
	return f.accept(ctx)
}

// earlier keeps a last day that comes before another one: to end what has ended must not prolong it.
func earlier(stands, end string) string {
	if len(stands) == len(time.DateOnly) && len(end) == len(stands) && stands < end {
		return stands
	}
	return end
}

// patientOf returns a "Patient/ID" that stands for the child.
func (a *App) patientOf(ctx context.Context, child string) (string, error) {
	inputs, _, err := a.ledger.Inputs(ctx, child)
	if err != nil {
		return "", err
	}
	for _, in := range inputs {
		if in.Kind == inputReference && !in.Ended {
			return string(in.Body), nil
		}
	}
	return "", fmt.Errorf("no Patient stands for this child: %w", ledger.ErrNotFound)
}

// relatedPerson writes authority as the published extension.
func relatedPerson(all []consent.Authority, patient string) *fhir.Node {
	first := all[0]
	_, id, _ := strings.Cut(first.Holder, "/")
	person := fhir.NewResource("RelatedPerson").SetText("id", id)
	for _, one := range all {
		person.Add("extension", extension(one))
	}
	person.Set("patient", fhir.NewObject().SetText("reference", patient))
	for _, one := range all {
		if one.Relationship != "" {
			coding := fhir.NewObject().SetText("system", "http://terminology.hl7.org/CodeSystem/v3-RoleCode").SetText("code", one.Relationship)
			return person.Set("relationship", fhir.NewArray(fhir.NewObject().Set("coding", fhir.NewArray(coding))))
		}
	}
	return person
}

func extension(a consent.Authority) *fhir.Node {
	parts := fhir.NewArray()
	add := func(url, member string, value *fhir.Node) {
		parts.Append(fhir.NewObject().SetText("url", url).Set(member, value))
	}
	for _, domain := range a.Domains {
		add("domain", "valueCode", fhir.NewString(domain))
	}
	if a.Basis != "" {
		add("basis", "valueString", fhir.NewString(a.Basis))
	}
	if a.Start != "" {
		add("start", "valueDate", fhir.NewString(a.Start))
	}
	if a.End != "" {
		add("end", "valueDate", fhir.NewString(a.End))
	}
	if a.Evidence != "" {
		add("evidence", "valueReference", fhir.NewObject().SetText("reference", a.Evidence))
	}
	for _, p := range [][2]string{{"sha256", a.Origin.SHA256}, {"witness", a.Origin.Witness}, {"by", a.Origin.By}} {
		if p[1] != "" {
			add(p[0], "valueString", fhir.NewString(p[1]))
		}
	}
	if a.Origin.Received != "" {
		add("received", "valueDateTime", fhir.NewString(a.Origin.Received))
	}
	return fhir.NewObject().SetText("url", consent.ExtensionGuardianAuthority).Set("extension", parts)
}

// evidence makes a document of a file, named by its hash; a reference stays one.
func evidence(source string) (document *fhir.Node, reference string, err error) {
	if strings.HasPrefix(source, "DocumentReference/") {
		return nil, source, nil
	}
	content, err := os.ReadFile(source)
	if err != nil {
		return nil, "", errors.New("the source has to be a file that can be read, or DocumentReference/ID")
	}
	sum := sha256.Sum256(content)
	document = fhir.NewResource("DocumentReference").SetText("id", hex.EncodeToString(sum[:])).Set("status", fhir.NewString("current"))
	attachment := fhir.NewObject().SetText("contentType", http.DetectContentType(content)).
		SetText("data", base64.StdEncoding.EncodeToString(content)).SetText("title", filepath.Base(source))
	document.Add("content", fhir.NewObject().Set("attachment", attachment))
	return document, document.Ref(), nil
}

// Preview is what `child correct` would do.
func (a *App) Preview(ctx context.Context, message, to string) (gateway.Correction, error) {
	e, err := a.Gateway().Explain(ctx, message)
	if err != nil {
		return gateway.Correction{}, err
	}
	c := gateway.Correction{Message: e.Message, From: e.Child, To: to, Recipients: []string{}}
	for _, d := range e.Destinations {
		switch d.State {
		case ledger.DeliveryPending, ledger.DeliveryHeld:
			c.Stopped++
		case ledger.DeliveryCompleted, ledger.DeliveryIntended:
			c.Recipients = append(c.Recipients, d.Destination)
		}
	}
	return c, nil
}

// Note writes into the audit log why a person did something.
func (a *App) Note(ctx context.Context, kind, message, person, reason string) error {
	body, err := json.Marshal(map[string]string{"operator": person, "reason": reason})
	if err != nil {
		return err
	}
	return a.ledger.Log(ctx, ledger.Event{Kind: kind, Partner: OperatorID, Message: message, Outcome: "0", Body: body})
}
