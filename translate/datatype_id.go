package translate

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"caregate/fhir"
)

var (
	oidForm  = regexp.MustCompile(`^[012](\.(0|[1-9]\d*))+$`)
	uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// namespaceURL says that the display of an assigner is its namespace.
const namespaceURL = Extensions + "namespace"

// npiSystem is the one practitioner number that HL7 v2 names without an authority.
const npiSystem = "http://hl7.org/fhir/sid/us-npi"

// authorities are those of the profile, then those that everybody knows.
func (j *job) authorities() []Authority {
	if j.registry == nil {
		j.registry = slices.Concat(j.p.Identifiers, j.maps.known)
	}
	return j.registry
}

// authorityBySystem finds a registered authority by its FHIR system.
func (j *job) authorityBySystem(system string) (Authority, bool) {
	for _, a := range j.authorities() {
		if a.System == system && system != "" {
			return a, true
		}
	}
	return Authority{}, false
}

// authorityByHD finds a registered authority by its OID, or by namespace where none was sent.
func (j *job) authorityByHD(namespace, universal string) (Authority, bool) {
	for _, a := range j.authorities() {
		if universal != "" && a.OID == universal {
			return a, true
		}
		if universal == "" && namespace != "" && a.Namespace == namespace {
			return a, true
		}
	}
	return Authority{}, false
}

// authorityConverter is an assigning authority (HD): a system where it is registered or
// universal. What the system alone would not give back stands as the assigner, so that two
// never collapse: the namespace as its display, another universal id as its identifier.
type authorityConverter struct{}

func (k authorityConverter) to(c *call, v value) *fhir.Node {
	namespace, universal, kind := v.text(1), v.text(2), v.text(3)
	n := fhir.NewObject()
	if a, registered := c.j.authorityByHD(namespace, universal); registered {
		n.SetText("system", a.System)
	} else {
		n.SetText("system", universalURI(universal, kind))
	}
	if n.Get("system") == nil {
		c.report(IssueNoSystem, "assigning authority is neither registered nor universal; identifier without system")
	}
	want := value(nil).set(1, namespace).set(2, universal).set(3, kind).String()
	assigner := fhir.NewObject()
	if namespace != "" && k.from(c, n).String() != want {
		extend(assigner, namespaceURL, "valueBoolean", fhir.NewBool(true))
		n.Set("assigner", assigner.SetText("display", namespace))
	}
	if k.from(c, n).String() != want {
		n.Set("assigner", assigner.Set("identifier", universalNumber(universal, kind)))
	}
	if n.Len() == 0 {
		return nil
	}
	return n
}

func (authorityConverter) from(c *call, n *fhir.Node) value {
	assigner := n.Get("assigner")
	namespace := ""
	if extensionOf(assigner, namespaceURL, "valueBoolean").Text() == "true" {
		namespace = assigner.Get("display").Text()
	}
	if number := assigner.Get("identifier"); number != nil && number.Get("system") == nil {
		id, kind := universalOf(number)
		return value(nil).set(1, namespace).set(2, id).set(3, kind)
	}
	system := n.Get("system").Text()
	a, registered := c.j.authorityBySystem(system)
	switch {
	case !registered:
		universal, kind := universalID(system)
		return value(nil).set(1, namespace).set(2, universal).set(3, kind)
	case a.OID == "" || (namespace != "" && namespace == a.Namespace):
		return value(nil).set(1, or(namespace, a.Namespace)) // the namespace is all that came
	}
	return value(nil).set(1, or(namespace, a.Namespace)).set(2, a.OID).set(3, "ISO")
}

// universalNumber is a universal id and its type (table 0301) as an Identifier.
func universalNumber(id, kind string) *fhir.Node {
	n := fhir.NewObject()
	if codeForm.MatchString(kind) {
		coding := fhir.NewObject().SetText("system", universalTypes).SetText("code", kind)
		n.Set("type", fhir.NewObject().Set("coding", fhir.NewArray(coding)))
	}
	return n.SetText("value", id)
}

// universalOf is the reverse of universalNumber.
func universalOf(n *fhir.Node) (id, kind string) {
	if coding := n.At("type.coding[0]"); coding.Get("system").Text() == universalTypes {
		kind = coding.Get("code").Text()
	}
	return n.Get("value").Text(), kind
}

// universalURI returns the URI of a universal id, "" where it is not one.
func universalURI(id, kind string) string {
	switch {
	case kind == "ISO" && oidForm.MatchString(id):
		return "urn:oid:" + id
	case (kind == "UUID" || kind == "GUID") && uuidForm.MatchString(id):
		return "urn:uuid:" + strings.ToLower(id)
	case kind == "URI":
		if u, err := url.Parse(id); err == nil && u.IsAbs() && !strings.ContainsAny(id, " \t\n") {
			return id
		}
	}
	return ""
}

// universalID is the reverse of universalURI.
func universalID(uri string) (id, kind string) {
	if oid, ok := strings.CutPrefix(uri, "urn:oid:"); ok {
		return oid, "ISO"
	}
	if uuid, ok := strings.CutPrefix(uri, "urn:uuid:"); ok {
		return uuid, "UUID"
	}
	if uri != "" {
		return uri, "URI"
	}
	return "", ""
}

// endpointConverter is an application in MSH (HD): MessageHeader.source or .destination.
type endpointConverter struct{}

func (endpointConverter) to(_ *call, v value) *fhir.Node {
	n := fhir.NewObject().SetText("name", v.text(1))
	uri := universalURI(v.text(2), v.text(3))
	if uri != "" {
		return n.SetText("endpoint", uri)
	}
	if n.Len() == 0 {
		return nil
	}
	return n.Set("_endpoint", unsaid())
}

func (endpointConverter) part(n *fhir.Node) *fhir.Node {
	if n.Get("name") == nil && n.Get("endpoint") == nil {
		return nil // that the address is unknown says no field
	}
	return partOf(n, "name", "endpoint", "_endpoint")
}

func (endpointConverter) from(_ *call, n *fhir.Node) value {
	id, kind := universalID(n.Get("endpoint").Text())
	return value(nil).set(1, n.Get("name").Text()).set(2, id).set(3, kind)
}

// uriConverter is the universal id of an HD where it is a URI.
type uriConverter struct{}

func (uriConverter) to(_ *call, v value) *fhir.Node {
	return textNode(universalURI(v.text(2), v.text(3)))
}

func (uriConverter) from(_ *call, n *fhir.Node) value {
	id, kind := universalID(n.Text())
	return value(nil).set(2, id).set(3, kind)
}

// unsaid is an element that must be there and whose value is unknown (data-absent-reason).
func unsaid() *fhir.Node {
	ext := fhir.NewObject().SetText("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason").
		SetText("valueCode", "unknown")
	return fhir.NewObject().Set("extension", fhir.NewArray(ext))
}

// partyConverter is a facility or an application (HD) as a logical reference: no resource
// of its own. Its first argument is the resource type; the second, "rest", leaves out
// what a name and an endpoint say.
type partyConverter struct{}

// universalTypes is the code system of HD-3.
const universalTypes = terminology + "v2-0301"

func (partyConverter) to(c *call, v value) *fhir.Node {
	n, universal, kind := fhir.NewObject(), v.text(2), v.text(3)
	uri := universalURI(universal, kind)
	id, its := universalID(uri)
	exact := id == universal && its == kind
	switch {
	case exact && c.arg(1) == "rest":
		return nil
	case exact && uri != "":
		n.Set("identifier", fhir.NewObject().SetText("system", "urn:ietf:rfc:3986").SetText("value", uri))
	case universal+kind != "":
		n.Set("identifier", universalNumber(universal, kind))
	}
	n.SetText("display", v.text(1))
	if n.Len() == 0 {
		return nil
	}
	return n.SetText("type", c.arg(0))
}

func (partyConverter) part(n *fhir.Node) *fhir.Node {
	return partOf(n, "identifier", "display", "type")
}

func (partyConverter) from(_ *call, n *fhir.Node) value {
	number := n.Get("identifier")
	id, kind := universalID(number.Get("value").Text())
	if number.Get("system") == nil {
		id, kind = universalOf(number)
	}
	return value(nil).set(1, n.Get("display").Text()).set(2, id).set(3, kind)
}

// numberConverter is a practitioner number (PLN): its type, and who says so in words.
type numberConverter struct{}

func (numberConverter) to(c *call, v value) *fhir.Node {
	if v.text(1) == "" {
		return nil
	}
	n := fhir.NewObject()
	switch kind := v.text(2); {
	case kind == "NPI":
		n.SetText("system", npiSystem)
	case kind != "":
		coding := fhir.NewObject().SetText("system", terminology+"v2-0338").SetText("code", kind)
		n.Set("type", fhir.NewObject().Set("coding", fhir.NewArray(coding)))
	default:
		c.report(IssueNoAssigner, "number without its type; identifier without system")
	}
	n.SetText("value", v.text(1))
	if issuer := v.text(3); issuer != "" {
		n.Set("assigner", fhir.NewObject().SetText("display", issuer))
	}
	return c.period(n, v, 0, 4)
}

// from leaves out a number whose type v2 cannot name: a bare number would be taken for another one.
func (numberConverter) from(c *call, n *fhir.Node) value {
	v := textValue(n.Get("value").Text())
	system := n.Get("system").Text()
	kind := n.At("type.coding[0]")
	switch a, ok := c.j.authorityBySystem(system); {
	case system == npiSystem:
		v = v.set(2, "NPI").set(3, n.At("assigner.display").Text())
	case ok:
		v = v.set(2, a.Type)
		if !c.j.wayBack {
			v = v.set(3, a.Namespace)
		}
	case kind.Get("system").Text() == terminology+"v2-0338":
		v = v.set(2, kind.Get("code").Text()).set(3, n.At("assigner.display").Text())
	case system == "":
		v = v.set(3, n.At("assigner.display").Text())
	default:
		c.report(IssueNotCarried, "practitioner number of an unregistered system; left out")
		return nil
	}
	return v.setComp(4, c.take(n.Get("period"), "end", dtmConverter{}))
}

// universalConverter is a universal id and its type (EI-3 and EI-4), and a URI.
type universalConverter struct{}

func (universalConverter) to(_ *call, v value) *fhir.Node {
	if uri := universalURI(v.text(1), v.text(2)); uri != "" {
		return fhir.NewString(uri)
	}
	return nil
}

func (universalConverter) from(_ *call, n *fhir.Node) value {
	id, kind := universalID(n.Text())
	return value(nil).set(1, id).set(2, kind)
}
