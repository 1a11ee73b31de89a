package consent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"caregate/fhir"
)

// directive is one Consent compiled.
type directive struct {
	ref, version string
	patient      string
	status       string
	dateTime     date
	performers   []string
	evidence     bool // source[x] or verification.verified
	witness      string
	root         *rule
	fingerprint  string // policy and provision, which joint signers must share word for word
	scoped       bool   // scope patient-privacy; any other scope says nothing about disclosure
	problems     []Problem
}

const maxProvisionDepth = 16 // deeper nesting than any form has; refused rather than walked

// statuses is the required value set of Consent.status (R4).
var statuses = map[string]bool{
	"draft": true, "proposed": true, "active": true, "rejected": true, "inactive": true, "entered-in-error": true,
}

// compile reads a Consent of R4 or R5; what makes it unprocessable is kept as problems.
func compile(f Filed) *directive {
	n := fhir.ConsentFromR5(f.Node)
	d := &directive{ref: n.Ref(), version: f.Version, patient: reference(n.Get("patient"))}
	d.status = n.Get("status").Text()
	if n.ResourceType() != "Consent" {
		d.problem("Consent", "is not a Consent resource")
	}
	if !statuses[d.status] {
		d.problem("Consent.status", "is missing or not a code of the required value set")
	}
	d.scope(n)
	d.header(n)
	if !d.scoped {
		return d
	}
	d.signature(n)
	d.witnessed(f.Node)
	d.rules(n)
	d.fingerprint = canonical(n.Get("policy")) + canonical(n.Get("policyRule")) + canonical(n.Get("provision"))
	return d
}

// canonical writes an element without regard to the order of members and items: every list
// of a provision is a set, so two forms that list the same purposes in another order are one.
func canonical(n *fhir.Node) string {
	var parts []string
	switch n.Kind() {
	case fhir.Object:
		for name, m := range n.Members() {
			parts = append(parts, strconv.Quote(name)+":"+canonical(m))
		}
	case fhir.Array:
		for _, item := range n.Items() {
			parts = append(parts, canonical(item))
		}
	default:
		return string(n.JSON())
	}
	slices.Sort(parts)
	return "[" + strings.Join(parts, ",") + "]"
}

func (d *directive) problem(path, text string) {
	d.problems = append(d.problems, Problem{path, text})
}

// with is a copy with one more problem; the compiled Consent may be shared.
func (d *directive) with(p Problem) *directive {
	c := *d
	c.problems = append(slices.Clone(d.problems), p)
	return &c
}

func (d *directive) scope(n *fhir.Node) {
	named := false
	for c := range codings(n.Get("scope")) {
		named = named || c.code != ""
		d.scoped = d.scoped || c == coding{SystemConsentScope, "patient-privacy"}
	}
	if !named {
		d.problem("Consent.scope", "needs a coded scope")
		d.scoped = true // what an unscoped consent is about is unknown, so it is read and blocks
	}
}

// header checks what R4 requires of every Consent and what may change its meaning.
func (d *directive) header(n *fhir.Node) {
	if n.Get("category").Len() == 0 {
		d.problem("Consent.category", "is required")
	}
	if d.patient == "" {
		d.problem("Consent.patient", "needs a reference to the patient")
	}
	if n.Get("policy").Len() == 0 && n.Get("policyRule").Len() == 0 {
		d.problem("Consent.policy", "a policy or a policyRule is required (ppc-1)")
	}
	if n.Get("decision") != nil || n.Get("subject") != nil || n.Get("grantor") != nil {
		d.problem("Consent.decision", "elements of R5 stand beside elements of R4: which of them count is unknown")
	}
	if n.Get("implicitRules") != nil {
		d.problem("Consent.implicitRules", "names rules that are not understood")
	}
	if path := modifier(n, "Consent"); path != "" {
		d.problem(path, "carries a modifier extension that is not understood")
	}
}

// modifier finds the first modifierExtension (R4 2.4.1.1: one that is not understood forbids processing).
func modifier(n *fhir.Node, path string) string {
	for name, m := range n.Members() {
		if name == "modifierExtension" && m.Len() > 0 {
			return path + "." + name
		}
		if found := modifier(m, path+"."+name); found != "" {
			return found
		}
	}
	for i, item := range n.Items() {
		if found := modifier(item, fmt.Sprintf("%s[%d]", path, i)); found != "" {
			return found
		}
	}
	return ""
}

func (d *directive) signature(n *fhir.Node) {
	at, err := parseDate(n.Get("dateTime").Text())
	if err != nil {
		d.problem("Consent.dateTime", "is required: the date on which the consent was given")
	}
	d.dateTime = at
	for _, p := range n.Get("performer").Items() {
		if ref := reference(p); ref != "" {
			d.performers = append(d.performers, ref)
		}
	}
	d.evidence = n.Get("sourceAttachment").Len() > 0 || n.Get("sourceReference").Len() > 0
	for _, v := range n.Get("verification").Items() {
		if v.Get("verified").Text() != "true" {
			continue
		}
		d.evidence = true
		if with := reference(v.Get("verifiedWith")); with != "" && !slices.Contains(d.performers, with) {
			d.witness = with
		}
	}
}

// ExtensionWitness on a Consent names who witnessed the signature (740 ILCS 110/5(a)).
const ExtensionWitness = "http://systems-of-care.example/fhir/StructureDefinition/witness"

// Witness returns who witnessed the Consent, by its extension or a verification; "" when nobody
// did. Who signed it is no witness of it.
func (f Filed) Witness() string { return f.directive().witness }

func (d *directive) witnessed(n *fhir.Node) {
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() != ExtensionWitness {
			continue
		}
		who := ext.Get("valueString").Text()
		if who == "" {
			who = reference(ext.Get("valueReference"))
		}
		if who != "" && !slices.Contains(d.performers, who) {
			d.witness = who
		}
	}
}

// rules compiles the provision tree. The root takes its type from itself or else from policyRule OPTIN or OPTOUT.
func (d *directive) rules(n *fhir.Node) {
	root := n.Get("provision")
	if root.Len() == 0 {
		d.problem("Consent.provision", "is required: without it nothing says what is permitted")
		return
	}
	kind := root.Get("type").Text()
	if root.Get("type") == nil {
		kind = baseRule(n.Get("policyRule"))
		if kind == "" {
			d.problem("Consent.provision.type", "is required, unless policyRule is OPTIN or OPTOUT")
			return
		}
	}
	d.root = d.rule(root, kind, "provision", criteria{}, 0)
}

// provisionShape says which elements of a provision are lists. One of another shape would be
// passed over, and with it the restriction that it says.
var provisionShape = map[string]fhir.Kind{
	"actor": fhir.Array, "action": fhir.Array, "securityLabel": fhir.Array, "purpose": fhir.Array, "class": fhir.Array,
	"code": fhir.Array, "data": fhir.Array, "provision": fhir.Array, "period": fhir.Object, "dataPeriod": fhir.Object,
}

func (d *directive) shape(n *fhir.Node, path string) {
	if n.Kind() != fhir.Object {
		d.problem("Consent."+path, "has to be one provision")
	}
	for name, m := range n.Members() {
		if kind, known := provisionShape[name]; known && m.Kind() != kind {
			d.problem("Consent."+path+"."+name, "is a list where it should be none, or none where it should be one")
		}
	}
}

func baseRule(policyRule *fhir.Node) string {
	for c := range codings(policyRule) {
		switch c {
		case coding{SystemActCode, "OPTIN"}:
			return "permit"
		case coding{SystemActCode, "OPTOUT"}:
			return "deny"
		}
	}
	return ""
}

func (d *directive) rule(n *fhir.Node, kind, path string, inherited criteria, depth int) *rule {
	if kind != "permit" && kind != "deny" {
		d.problem("Consent."+path+".type", "must be permit or deny")
	}
	d.shape(n, path)
	r := &rule{permit: kind == "permit", path: path}
	r.when = d.criteria(n, path, inherited, r.permit)
	if depth == maxProvisionDepth {
		d.problem("Consent."+path, "is nested too deeply")
		return r
	}
	for i, child := range n.Get("provision").Items() {
		sub := fmt.Sprintf("%s.provision[%d]", path, i)
		r.children = append(r.children, d.rule(child, child.Get("type").Text(), sub, r.when, depth+1))
	}
	return r
}

// reference reads Reference.reference without a version: history does not change whom it names.
func reference(n *fhir.Node) string {
	ref, _, _ := strings.Cut(n.Get("reference").Text(), "/_history/")
	return ref
}
