package fhirrest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/fhir"
)

// route is one row of the table: what is not in it is not served.
type route struct {
	method      string
	path        string // below {base}/fhir; "{type}" and "{id}" stand for one segment
	interaction string // FHIR interaction, for the CapabilityStatement
	open        bool   // needs no credential: carries nothing about anybody
	available   func(*Receiver) bool
	serve       func(*Receiver, *call)
}

// allRoutes is the table of routes.
func allRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "", interaction: "transaction", serve: (*Receiver).postBundle},
		{method: http.MethodPost, path: "$process-message", interaction: "process-message", serve: (*Receiver).postBundle},
		{method: http.MethodPost, path: "Consent", interaction: "create", serve: (*Receiver).postConsent},
		{method: http.MethodPut, path: "Consent/{id}", interaction: "update", serve: (*Receiver).putConsent},
		{method: http.MethodGet, path: "metadata", open: true, serve: (*Receiver).metadata},
		{method: http.MethodGet, path: "{type}/{id}", interaction: "read", available: canRead, serve: (*Receiver).readResource},
	}
}

func canRead(r *Receiver) bool { return r.read != nil }

// readTypes are the resource types that a partner can ask for.
func readTypes() []string {
	return strings.Fields("AllergyIntolerance Appointment CarePlan CareTeam Communication Condition Consent DocumentReference " +
		"Encounter MedicationRequest MedicationStatement Observation Organization Patient Practitioner PractitionerRole " +
		"Provenance QuestionnaireResponse RelatedPerson ServiceRequest Task")
}

var (
	idPattern    = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,64}$`) // R4 datatype id
	tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._\-]{1,64}$`)
	typePattern  = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
)

// found is what the table says about a path, whether or not its method is served.
type found struct {
	open    bool
	methods []string
}

// match looks the request up by its path as it was sent: no cleaning, no decoding, so
// that what is decided on is what is served.
func (r *Receiver) match(c *call) (*route, found) {
	var f found
	rest, ok := strings.CutPrefix(c.request.URL.EscapedPath(), r.config.Base+"/fhir")
	if !ok || rest != "" && rest[0] != '/' || strings.Contains(rest, "%") {
		return nil, f
	}
	have := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	for i := range r.routes {
		want := strings.Split(r.routes[i].path, "/")
		typ, id, ok := fits(want, have)
		if !ok {
			continue
		}
		f.methods = append(f.methods, r.routes[i].method)
		if r.routes[i].method == c.request.Method {
			c.typ, c.id = typ, id
			return &r.routes[i], found{open: r.routes[i].open, methods: f.methods}
		}
	}
	return nil, f
}

func fits(want, have []string) (typ, id string, ok bool) {
	if len(want) != len(have) {
		return "", "", false
	}
	for i, w := range want {
		switch {
		case w == "{type}" && typePattern.MatchString(have[i]):
			typ = have[i]
		case w == "{id}" && idPattern.MatchString(have[i]):
			id = have[i]
		case w != have[i]:
			return "", "", false
		}
	}
	return typ, id, true
}

func (r *Receiver) postBundle(c *call) { r.hand(c, "POST /") }

func (r *Receiver) postConsent(c *call) { r.hand(c, "POST Consent") }

func (r *Receiver) putConsent(c *call) { r.hand(c, "PUT Consent/"+addressed(c.id)) }

// hand gives the body to the pipeline and turns the Ack into the answer.
func (r *Receiver) hand(c *call, interaction string) {
	for _, name := range []string{"If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "If-Unmodified-Since"} {
		if c.request.Header.Get(name) != "" {
			c.refuse(adapters.CodeUnsupportedType, "conditional requests are not supported; send without "+name)
			return
		}
	}
	raw, release, problem := r.body(c)
	defer release()
	if problem != nil {
		c.answer(problem.status, problem.code, outcome(problem.code, nil, problem.text))
		return
	}
	ack := r.accept(c.request.Context(), adapters.Inbound{
		Partner:     c.partner,
		Protocol:    Protocol,
		ContentType: c.request.Header.Get("Content-Type"),
		Interaction: interaction,
		Raw:         raw,
		Received:    time.Now(),
	})
	c.acknowledge(ack, interaction, raw, r.config.Base+"/fhir")
}

func (r *Receiver) readResource(c *call) {
	if !slices.Contains(readTypes(), c.typ) {
		c.refuse(adapters.CodeUnknownKey, notFound)
		return
	}
	c.unhurried()
	permit, ack := r.read(c.request.Context(), c.partner, c.typ, c.id)
	if permit.Valid() {
		release := permit.Release()
		_ = http.NewResponseController(c.w).SetWriteDeadline(release.WriteBy)
		c.write(http.StatusOK, release.ContentType, release.Body)
		return
	}
	switch ack.Code {
	case adapters.CodeForbidden, adapters.CodeUnknownKey: // one answer: existence is a fact about the child
		c.refuse(adapters.CodeUnknownKey, notFound)
	case adapters.CodeAccepted, adapters.CodeHeld, "":
		c.refuse(adapters.CodeInternal, "nothing was released")
	default:
		c.refuse(ack.Code, "the resource cannot be read now")
	}
}

// notFound is the text for what is not there and for what may not be seen.
const notFound = "no such resource for this partner"

func (r *Receiver) metadata(c *call) {
	c.write(http.StatusOK, mediaType, r.capability().JSON())
}

// capability computes the CapabilityStatement from the table of routes.
func (r *Receiver) capability() *fhir.Node {
	text := fhir.NewString
	rest := fhir.NewObject().Set("mode", text("server"))
	for _, typ := range readTypes() {
		if resource := r.capabilityOf(typ); resource != nil {
			rest.Add("resource", resource)
		}
	}
	for _, route := range r.routes {
		switch route.interaction {
		case "transaction":
			rest.Add("interaction", fhir.NewObject().Set("code", text(route.interaction)))
		case "process-message":
			rest.Add("operation", fhir.NewObject().Set("name", text(route.interaction)).
				Set("definition", text("http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message")))
		}
	}
	return fhir.NewResource("CapabilityStatement").
		Set("status", text("active")).
		Set("date", text(r.started.UTC().Format(time.RFC3339))).
		Set("kind", text("instance")).
		Set("software", fhir.NewObject().Set("name", text("Caregate")).SetText("version", r.config.Software)).
		Set("implementation", fhir.NewObject().Set("description", text("Interoperability gateway for children's systems of care"))).
		Set("fhirVersion", text("4.0.1")).
		Set("format", fhir.NewArray(text("json"))).
		Set("rest", fhir.NewArray(rest))
}

func (r *Receiver) capabilityOf(typ string) *fhir.Node {
	var resource *fhir.Node
	for _, route := range r.routes {
		first, _, _ := strings.Cut(route.path, "/")
		if route.interaction == "" || first != typ && first != "{type}" {
			continue
		}
		if resource == nil {
			resource = fhir.NewObject().Set("type", fhir.NewString(typ))
		}
		resource.Add("interaction", fhir.NewObject().Set("code", fhir.NewString(route.interaction)))
	}
	return resource
}
