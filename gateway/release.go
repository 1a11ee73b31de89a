package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/policy"
)

// asked is what release decides about: content of one child, for one route.
type asked struct {
	forms   []consent.Filed // the consents that it is decided by
	route   Route
	child   string
	bundle  *fhir.Node // a copy that release may change
	request string     // type of the request for a medication, by the form that came with it
	out     adapters.Outbound
	person  string // "RelatedPerson/x" where a person asks and not a partner
}

// verdict is what release found, for the ledger and for explain. It holds no content.
type verdict struct {
	Decision  policy.Decision `json:"decision"`
	Purpose   string          `json:"purpose"`
	Recipient string          `json:"recipient"`
	Withheld  []string        `json:"withheld,omitempty"` // resources dropped
	Elements  []string        `json:"elements,omitempty"` // elements dropped, "Type/id#path"
	Scrubbed  []string        `json:"scrubbed,omitempty"` // traces of those removed elsewhere
	OffRoute  []string        `json:"offRoute,omitempty"` // resources that the route never carries
	Missing   string          `json:"missing,omitempty"`  // type the destination cannot safely lack
	Problem   string          `json:"problem,omitempty"`  // why nothing could be rendered
	AsOf      time.Time       `json:"asOf"`
	Facts     []Fact          `json:"facts,omitempty"`  // in force when it was decided
	SHA256    string          `json:"sha256,omitempty"` // of the rendered bytes
	epochs    map[string]int64
	digest    string
	law       *policy.Engine // that decided
	encoded   adapters.Encoded
}

// The ways in which nothing is released.
var (
	errDenied  = errors.New("nothing of it may be released")
	errHeld    = errors.New("held: the destination cannot safely lack what is withheld")
	errNothing = errors.New("nothing in it is for this destination")
	errRender  = errors.New("the destination's format cannot carry it")
	errFault   = fmt.Errorf("%w: the law could not be followed", errDenied)
)

// faultRemedy is what a person does about law that could not be followed. Nobody decided
// against the delivery, so it waits instead of ending.
const faultRemedy = "the law could not be followed: repair the law bundle, then resolve this item, and it is decided again"

// release decides NOW, redacts, scrubs, carries out the obligations, renders, records and
// only then makes a Permit. It is the only maker of permits. record is called with the
// verdict before the permit exists: what it refuses is not released.
func (g *Gateway) release(ctx context.Context, a *asked, record func(context.Context, *verdict) (adapters.Release, error)) (adapters.Permit, *verdict, error) {
	v, err := g.decide(ctx, a)
	if err != nil {
		return adapters.Permit{}, v, err
	}
	redacted, dropped := fhir.Redact(a.bundle, redactionOf(v.Decision))
	for _, d := range dropped {
		if resourceType, _, _ := strings.Cut(d.Ref, "/"); d.Element == "" && has(a.route.Needs, resourceType) {
			v.Missing = resourceType // it could not stand without something withheld
		}
		if d.Reason == fhir.DropTrace || d.Reason == fhir.DropDependent {
			v.Scrubbed = append(v.Scrubbed, strings.TrimSuffix(d.Ref+"#"+d.Element, "#"))
		}
	}
	if v.Missing != "" {
		return adapters.Permit{}, v, errHeld
	}
	a.out.Bundle, a.out.BasedOn = redacted, basedOn(v.Decision)
	if a.out.Notices, err = notices(a, v.Decision.Obligations); err != nil {
		v.Problem = err.Error()
		return adapters.Permit{}, v, errDenied
	}
	copies, err := a.copies(v.Decision)
	if err != nil {
		v.Problem = err.Error()
		return adapters.Permit{}, v, errDenied
	}
	a.out.Notices = append(a.out.Notices, copies...)
	if err := g.render(a, v); err != nil {
		return adapters.Permit{}, v, err
	}
	if g.law.Load() != v.law {
		return adapters.Permit{}, v, errLawChanged
	}
	released, err := record(ctx, v)
	if err != nil {
		return adapters.Permit{}, v, err
	}
	released.Body, released.ContentType, released.Notices = v.encoded.Body, v.encoded.ContentType, a.out.Notices
	return adapters.Permitted(released), v, nil
}

// decide asks the policy about every resource that the route carries.
func (g *Gateway) decide(ctx context.Context, a *asked) (*verdict, error) {
	v := &verdict{Purpose: a.route.Purpose, Recipient: a.route.To, AsOf: g.Now(), law: g.law.Load()}
	inputs, epoch, err := g.Ledger.Inputs(ctx, a.child)
	if err != nil {
		return v, err
	}
	v.epochs = map[string]int64{a.child: epoch}
	g.apply(ctx, a, v, inputs)
	if g.law.Load() != v.law {
		return v, errLawChanged
	}
	return v, v.outcome(a)
}

// apply asks the law of a verdict, at its instant, about every resource that the route carries.
func (g *Gateway) apply(ctx context.Context, a *asked, v *verdict, inputs facts) {
	v.OffRoute = offRoute(a.bundle, a.route.Content)
	g.Labeler.Label(a.bundle)
	unstated(a.bundle)
	request := g.request(a, inputs, v.AsOf)
	v.Facts = inputs.inForce(&request)
	v.Decision = v.law.Decide(ctx, request)
	withoutNil(a.bundle, &v.Decision)
	v.digest = digest(v.Decision.Digest(), a.route)
	for _, r := range v.Decision.Resources {
		if r.Withheld {
			v.Withheld = append(v.Withheld, r.Ref)
		}
		for _, path := range r.Redact {
			v.Elements = append(v.Elements, r.Ref+"#"+path)
		}
	}
}

// outcome says whether anything of it may go.
func (v *verdict) outcome(a *asked) error {
	medication := medicationOf(v.Decision)
	switch {
	case v.Decision.Faulty():
		v.Problem = faultRemedy
		return errFault
	case medication != nil:
		v.Problem = medication.Error()
		return medication
	case v.Decision.Effect == policy.Deny:
		return errDenied
	}
	if v.Missing = missingNeed(a, v.Decision); v.Missing != "" {
		return errHeld
	}
	return nil
}

// offRoute drops the resources that a route never carries, before anything is decided
// about them, and those without an id, about which nothing could be decided.
func offRoute(bundle *fhir.Node, content []string) []string {
	var dropped []string
	bundle.Get("entry").KeepItems(func(entry *fhir.Node) bool {
		r := entry.Get("resource")
		if r.Ref() == "" {
			return false
		}
		if len(content) == 0 || has(content, r.ResourceType()) || r.ResourceType() == "MessageHeader" {
			return true
		}
		dropped = append(dropped, r.Ref())
		return false
	})
	return dropped
}

// missingNeed names a type that the route needs, that the message has, and of which something is withheld.
func missingNeed(a *asked, d policy.Decision) string {
	withheld := map[string]bool{}
	for _, r := range d.Resources {
		withheld[r.Ref] = withheld[r.Ref] || r.Withheld
	}
	for _, r := range fhir.Entries(a.bundle) {
		if has(a.route.Needs, r.ResourceType()) && withheld[r.Ref()] {
			return r.ResourceType()
		}
	}
	return ""
}

func redactionOf(d policy.Decision) fhir.Redaction {
	r := fhir.Redaction{Withhold: map[string]bool{}, Elements: map[string][]string{}}
	for _, res := range d.Resources {
		if res.Withheld {
			r.Withhold[res.Ref] = true
		}
		if len(res.Redact) > 0 { // extensions may carry what the elements do: v2 originals travel in them
			r.Elements[res.Ref] = append([]string{"extension"}, res.Redact...)
		}
	}
	return r
}

// render encodes for the destination and hashes the bytes.
func (g *Gateway) render(a *asked, v *verdict) error {
	if a.route.Codec == nil { // a read: the resource itself
		v.encoded = adapters.Encoded{ContentType: "application/fhir+json", Body: only(a.out.Bundle)}
		if v.encoded.Body == nil {
			return errDenied
		}
	} else {
		encoded, err := a.route.Codec.Encode(a.out)
		if refusal := (*adapters.Refusal)(nil); errors.As(err, &refusal) {
			v.Problem = refusal.Error()
			if refusal.Code == adapters.CodeBusinessRule {
				return errNothing
			}
			return errRender
		} else if err != nil {
			return err
		}
		v.encoded = encoded
	}
	sum := sha256.Sum256(v.encoded.Body)
	v.SHA256 = hex.EncodeToString(sum[:])
	return nil
}

// only returns the one resource left in a read's bundle.
func only(bundle *fhir.Node) []byte {
	for _, r := range fhir.Entries(bundle) {
		return r.JSON()
	}
	return nil
}

// request puts the decision inputs, the registration of the recipient and the route into one question.
func (g *Gateway) request(a *asked, inputs facts, asOf time.Time) consent.Request {
	r := consent.Request{
		Jurisdiction: g.Jurisdiction, Zone: g.Zone, AsOf: asOf, Implicit: g.Implicit, LapseAtMajority: true, AskWitness: g.AskWitness,
		Action: "disclose", Purpose: a.route.Purpose, Recipient: g.partners[a.route.To].Recipient,
	}
	for _, res := range fhir.Entries(a.bundle) {
		r.Resources = append(r.Resources, consent.Resource{Ref: res.Ref(), Node: res})
	}
	if a.person != "" {
		r.Recipient = consent.Recipient{Ref: a.person}
	}
	g.medications(a, &r)
	inputs.into(&r, &g.forms)
	a.forms = r.Consents
	return r
}

func digest(decision string, r Route) string {
	b, _ := json.Marshal([]any{decision, r.Purpose, r.Content, r.Needs})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// writeBy is the instant by which what leaves now has left: within the time its gate row
// gives it, and before the decision expires. It is an I/O deadline and so in the machine's
// own time, whatever clock the decisions follow. It is taken before the gate row is made:
// however long that takes, nothing leaves after the row has expired.
func (v *verdict) writeBy(now time.Time, left time.Duration) time.Time {
	if until := v.Decision.ValidUntil; !until.IsZero() {
		left = min(left, until.Sub(now))
	}
	return time.Now().Add(left) //nolint:forbidigo // an I/O deadline
}
