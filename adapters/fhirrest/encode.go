package fhirrest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/fhir"
)

// DefaultFullURL stands for this gateway where the configuration names no address of it;
// .invalid resolves nowhere (RFC 6761).
const DefaultFullURL = "https://caregate.invalid/fhir"

// The names under which a rendered Bundle carries what belongs to no resource.
const (
	identifierSystem = "urn:ietf:rfc:3986"
	keyPrefix        = "urn:caregate:key:"
	noticeExtension  = "urn:caregate:redisclosure-notice" // valueString in Bundle.meta.extension
	actCode          = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	eventSystem      = "http://terminology.hl7.org/CodeSystem/v2-0003"
)

// Encode renders the released Bundle: PUT Type/id for each resource in the order given, or
// a message with its MessageHeader first. Bundle.identifier is the idempotency key.
// Redisclosure notices travel as Bundle.meta.security NORDSCLCD with their text beside it.
func (c Codec) Encode(out adapters.Outbound) (adapters.Encoded, error) {
	resources, err := released(out.Bundle)
	if err != nil {
		return adapters.Encoded{}, err
	}
	bundle := c.envelope(out)
	if c.Message {
		header, rest := splitHeader(resources)
		header = c.messageHeader(out, header, rest)
		resources = append([]*fhir.Node{header}, rest...)
	} else if out.Kind == "status" {
		resources = news(resources)
	}
	for _, resource := range resources {
		entry := fhir.NewObject().Set("fullUrl", fhir.NewString(c.fullURL(resource))).Set("resource", resource)
		if !c.Message {
			entry.Set("request", fhir.NewObject().
				Set("method", fhir.NewString(http.MethodPut)).Set("url", fhir.NewString(resource.Ref())))
		}
		bundle.Add("entry", entry)
	}
	return adapters.Encoded{ContentType: mediaType, Body: bundle.JSON()}, nil
}

// CarriesConsent says that a Bundle can hold the consent beside what it permits (42 CFR 2.32).
func (c Codec) CarriesConsent() bool { return true }

// known are the types that the receiver of a status has in full from the referral itself.
var known = []string{"Patient", "ServiceRequest", "Practitioner", "PractitionerRole", "Organization", "MessageHeader"}

// news leaves out of a status what the receiver knows: a PUT of the part that is known here
// would replace the whole that is known there. A status of nothing else is sent as it is.
func news(resources []*fhir.Node) []*fhir.Node {
	var rest []*fhir.Node
	for _, r := range resources {
		if !slices.Contains(known, r.ResourceType()) {
			rest = append(rest, r)
		}
	}
	if len(rest) == 0 {
		return resources
	}
	return rest
}

// released returns the resources of a Bundle; one without type or id cannot be put anywhere.
func released(bundle *fhir.Node) ([]*fhir.Node, error) {
	var resources []*fhir.Node
	for i, resource := range fhir.Entries(bundle) {
		if resource.Ref() == "" {
			return nil, unfit(adapters.CodeMissing, fmt.Sprintf("Bundle.entry[%d].resource.id", i), "a released resource needs an id")
		}
		resources = append(resources, resource)
	}
	if len(resources) == 0 {
		return nil, unfit(adapters.CodeBusinessRule, "Bundle.entry", "nothing for this destination")
	}
	return resources, nil
}

func unfit(code adapters.Code, location, text string) error {
	return &adapters.Refusal{Code: code, Issues: []adapters.Issue{{Location: location, Code: code, Text: text}}}
}

func (c Codec) envelope(out adapters.Outbound) *fhir.Node {
	bundle := fhir.NewResource("Bundle")
	if len(out.Notices) > 0 {
		bundle.Set("meta", notices(out.Notices))
	}
	if out.Key != "" {
		bundle.Set("identifier", fhir.NewObject().Set("system", fhir.NewString(identifierSystem)).
			Set("value", fhir.NewString(keyPrefix+out.Key)))
	}
	kind := "transaction"
	if c.Message {
		kind = "message"
	}
	bundle.Set("type", fhir.NewString(kind))
	if !out.Created.IsZero() {
		bundle.Set("timestamp", fhir.NewString(out.Created.UTC().Format(time.RFC3339)))
	}
	return bundle
}

func notices(texts []string) *fhir.Node {
	meta := fhir.NewObject()
	for _, text := range texts {
		meta.Add("extension", fhir.NewObject().Set("url", fhir.NewString(noticeExtension)).Set("valueString", fhir.NewString(text)))
	}
	return meta.Add("security", fhir.NewObject().Set("system", fhir.NewString(actCode)).Set("code", fhir.NewString("NORDSCLCD")))
}

func (c Codec) base() string {
	if c.FullURL == "" {
		return DefaultFullURL
	}
	return strings.TrimSuffix(c.FullURL, "/")
}

func (c Codec) fullURL(resource *fhir.Node) string {
	return c.base() + "/" + resource.Ref()
}

// splitHeader takes the first MessageHeader out of the resources.
func splitHeader(resources []*fhir.Node) (header *fhir.Node, rest []*fhir.Node) {
	i := slices.IndexFunc(resources, func(r *fhir.Node) bool { return r.ResourceType() == "MessageHeader" })
	if i < 0 {
		return nil, resources
	}
	return resources[i], slices.Concat(resources[:i], resources[i+1:])
}

// messageHeader keeps the sender's header, which is released like any resource, or makes
// one: event from the causing message, focus on the tasks, else the orders.
func (c Codec) messageHeader(out adapters.Outbound, have *fhir.Node, rest []*fhir.Node) *fhir.Node {
	if have != nil {
		return have
	}
	d := decoding{partner: out.Origin.Partner}
	header := fhir.NewResource("MessageHeader").Set("id", fhir.NewString(d.newID(out.Key, -1)))
	header.Set("eventCoding", fhir.NewObject().Set("system", fhir.NewString(eventSystem)).Set("code", fhir.NewString(eventCode(out.Event))))
	header.Set("source", fhir.NewObject().Set("name", fhir.NewString("Caregate")).Set("endpoint", fhir.NewString(c.base())))
	if out.ReplyTo != "" {
		header.Set("response", fhir.NewObject().Set("identifier", fhir.NewString(out.ReplyTo)).Set("code", fhir.NewString("ok")))
	}
	for _, typ := range []string{"Task", "ServiceRequest"} {
		for _, resource := range rest {
			if resource.ResourceType() == typ {
				header.Add("focus", fhir.NewObject().Set("reference", fhir.NewString(resource.Ref())))
			}
		}
		if header.Get("focus") != nil {
			break
		}
	}
	return header
}

// eventCode is the trigger event of "REF^I12", "message:I12" and the like; a transaction
// that becomes a message is a referral (I12): BSeR knows no other.
func eventCode(event string) string {
	if i := strings.LastIndexAny(event, "^:"); i >= 0 {
		return event[i+1:]
	}
	return "I12"
}
