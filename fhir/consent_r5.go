package fhir

import "strings"

// ConsentFromR5 returns an R5 Consent in the form of R4, and any other node as it is. The base
// rule is Consent.decision; a provision is an exception to what stands around it, so its type is
// the opposite (R5, Consent.provision). What R4 cannot say, an expression as a condition, becomes
// a modifierExtension: nobody may process the form without understanding it.
func ConsentFromR5(n *Node) *Node {
	if !isR5Consent(n) {
		return n
	}
	out := NewResource("Consent")
	for _, name := range []string{"id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension", "identifier", "category"} {
		out.Set(name, n.Get(name).Clone())
	}
	out.SetText("status", statusFromR5(n.Get("status").Text()))
	out.Set("scope", scopeFromR5(n.Get("category")))
	out.Set("patient", n.Get("subject").Clone()).Set("dateTime", n.Get("date").Clone()).Set("performer", n.Get("grantor").Clone())
	for _, name := range []string{"controller", "manager"} {
		for _, ref := range n.Get(name).Items() {
			out.Add("organization", ref.Clone())
		}
	}
	for _, name := range []string{"sourceAttachment", "sourceReference"} {
		if out.Get("sourceAttachment") == nil { // a choice of R4
			out.Set(name, n.Get(name).Item(0).Clone())
		}
	}
	policyFromR5(n, out)
	for _, v := range n.Get("verification").Items() {
		out.Add("verification", verificationFromR5(v))
	}
	decision := n.Get("decision").Text()
	root := provisionFromR5(NewObject().Set("provision", n.Get("provision").Clone()), decision, granteesOf(n))
	out.Set("provision", root.Set("period", n.Get("period").Clone()))
	return out
}

// isR5Consent tells whether a Consent has what only R5 has, and nothing that only R4 has.
func isR5Consent(n *Node) bool {
	if n.ResourceType() != "Consent" {
		return false
	}
	for _, name := range []string{"patient", "scope", "dateTime", "performer", "organization", "policy", "policyRule"} {
		if n.Get(name) != nil {
			return false
		}
	}
	return n.Get("subject") != nil || n.Get("decision") != nil || n.Get("grantor") != nil
}

// statusFromR5 maps not-done; a status that R4 has not stays, and is refused as one.
func statusFromR5(status string) string {
	if status == "not-done" {
		return "rejected"
	}
	return status
}

// scopeFromR5: R5 has only categories; one of the R4 scopes among them is the scope.
func scopeFromR5(category *Node) *Node {
	const system = "http://terminology.hl7.org/CodeSystem/consentscope"
	code := "patient-privacy"
	for _, concept := range category.Items() {
		for _, coding := range concept.Get("coding").Items() {
			if coding.Get("system").Text() == system {
				code = coding.Get("code").Text()
			}
		}
	}
	return NewObject().Set("coding", NewArray(NewObject().SetText("system", system).SetText("code", code)))
}

// policyFromR5 says what the form rests on; R4 wants a policy or a rule (ppc-1), which is then the decision.
func policyFromR5(n, out *Node) {
	if uri := n.At("policyBasis.url"); uri != nil {
		out.Set("policy", NewArray(NewObject().Set("uri", uri.Clone())))
	}
	if rule := n.Get("regulatoryBasis").Item(0); rule != nil {
		out.Set("policyRule", rule.Clone())
		return
	}
	if out.Get("policy") == nil {
		code := map[string]string{"permit": "OPTIN", "deny": "OPTOUT"}[n.Get("decision").Text()]
		coding := NewObject().SetText("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode").SetText("code", code)
		out.Set("policyRule", NewObject().Set("coding", NewArray(coding)))
	}
}

func verificationFromR5(v *Node) *Node {
	return NewObject().Set("verified", v.Get("verified").Clone()).Set("verifiedWith", v.Get("verifiedWith").Clone()).
		Set("verificationDate", v.Get("verificationDate").Item(0).Clone())
}

// granteesOf lists whom the form speaks to, as the actors of its permits: one that names
// them nowhere else must not reach everybody.
func granteesOf(n *Node) *Node {
	if n.Get("grantee").Len() == 0 {
		return nil
	}
	actors := NewArray()
	for _, grantee := range n.Get("grantee").Items() {
		coding := NewObject().SetText("system", "http://terminology.hl7.org/CodeSystem/v3-ParticipationType").SetText("code", "IRCP")
		actors.Append(NewObject().Set("role", NewObject().Set("coding", NewArray(coding))).Set("reference", grantee.Clone()))
	}
	return actors
}

// provisionFromR5 gives a provision its type, and those below it the opposite one. A permit
// for which nobody is named is for the grantees.
func provisionFromR5(p *Node, kind string, grantees *Node) *Node {
	out := NewObject().SetText("type", kind)
	for _, name := range []string{"extension", "modifierExtension", "period", "actor", "action", "securityLabel", "purpose", "code", "dataPeriod", "data"} {
		out.Set(name, p.Get(name).Clone())
	}
	for _, c := range p.Get("resourceType").Items() {
		class := c.Clone()
		class.SetText("system", strings.Replace(c.Get("system").Text(), "http://hl7.org/fhir/fhir-types", "http://hl7.org/fhir/resource-types", 1))
		out.Add("class", class)
	}
	for _, c := range p.Get("documentType").Items() {
		out.Add("class", c.Clone())
	}
	if p.Get("actor") != nil {
		grantees = nil
	} else if kind == "permit" {
		out.Set("actor", grantees.Clone())
	}
	if p.Get("expression") != nil {
		out.Add("modifierExtension", NewObject().SetText("url", "http://hl7.org/fhir/5.0/StructureDefinition/extension-Consent.provision.expression"))
	}
	for _, child := range p.Get("provision").Items() {
		out.Add("provision", provisionFromR5(child, opposite(kind), grantees))
	}
	return out
}

// opposite of no decision is no type, which nobody can process.
func opposite(kind string) string {
	return map[string]string{"permit": "deny", "deny": "permit"}[kind]
}
