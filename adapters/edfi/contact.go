package edfi

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	"caregate/adapters"
	"caregate/fhir"
)

// person is a contact of the child: a RelatedPerson, or a Patient.contact that no
// RelatedPerson of the Bundle stands for.
type person struct {
	node          *fhir.Node
	at            string
	family, given string
	id            string // contactUniqueId
	ended         bool
}

// contacts plans an upsert for each current contact, then the associations. Of an ended
// contact only the association changes, and only where the school has it.
func (p *plan) contacts(bundle, patient *fhir.Node, at string) {
	people := p.people(bundle, patient, at)
	for _, who := range people {
		if !who.ended {
			p.step("contacts", []string{"contactUniqueId", who.id}, false, p.contact(who))
		}
	}
	for _, who := range people {
		p.step("studentContactAssociations", []string{"contactUniqueId", who.id, "studentUniqueId", p.studentID}, who.ended, p.link(who))
	}
}

func (p *plan) people(bundle, patient *fhir.Node, at string) []person {
	var people []person
	seen := map[string]bool{}
	add := func(node, name *fhir.Node, place string, ended bool) {
		who := person{node: node, at: place, family: name.Get("family").Text(), given: joined(name.Get("given"), 0), ended: ended}
		switch {
		case who.family == "" && who.given == "": // an office is not a contact of Ed-Fi
			return
		case who.family == "" || who.given == "":
			p.refuse(adapters.CodeMissing, place+".name", "Ed-Fi requires a first and a last name of a contact")
			return
		}
		who.id = p.contactID(who)
		if !seen[fold(who)] && !seen[who.id] {
			people = append(people, who)
		}
		seen[fold(who)], seen[who.id] = true, true
	}
	for i, resource := range fhir.Entries(bundle) {
		if resource.ResourceType() != "RelatedPerson" || resource.At("patient.reference").Text() != patient.Ref() {
			continue
		}
		ended := resource.Get("active").Text() == "false" || p.past(resource)
		add(resource, p.currentName(resource.Get("name")), fmt.Sprintf("Bundle.entry[%d].resource", i), ended)
	}
	for i, contact := range patient.Get("contact").Items() {
		add(contact, contact.Get("name"), fmt.Sprintf("%s.contact[%d]", at, i), p.past(contact))
	}
	return people
}

// currentName prefers the official name over the first that is not over.
func (p *plan) currentName(names *fhir.Node) *fhir.Node {
	var first *fhir.Node
	for _, name := range names.Items() {
		use := name.Get("use").Text()
		if use == "old" || p.past(name) {
			continue
		}
		if use == "official" {
			return name
		}
		if first == nil {
			first = name
		}
	}
	return first
}

func fold(who person) string {
	return strings.ToLower(strings.Join(strings.Fields(who.family), " ") + "|" + strings.Join(strings.Fields(who.given), " "))
}

// contactID is the identifier of the configured system where the person has one. Otherwise
// it is "C-" and 12 base32 characters of SHA-256 over studentUniqueId and the folded name,
// so that the same person of the same child gets the same id every time. A changed name is
// a new contact to the school; a registered identifier avoids that.
func (p *plan) contactID(who person) string {
	for _, identifier := range who.node.Get("identifier").Items() {
		if p.codec.ContactSystem != "" && identifier.Get("system").Text() == p.codec.ContactSystem {
			if value := identifier.Get("value").Text(); value != "" {
				return value
			}
		}
	}
	sum := sha256.Sum256([]byte(p.studentID + "|" + fold(who)))
	return "C-" + base32.StdEncoding.EncodeToString(sum[:])[:12]
}

func (p *plan) contact(who person) *fhir.Node {
	body := fhir.NewObject().
		Set("contactUniqueId", fhir.NewString(who.id)).
		Set("firstName", fhir.NewString(who.given)).
		Set("lastSurname", fhir.NewString(who.family))
	p.telecom(body, who.node.Get("telecom"), who.at)
	addresses := who.node.Get("address")
	if addresses.Kind() == fhir.Object { // Patient.contact.address is one
		addresses = fhir.NewArray(addresses)
	}
	p.addresses(body, addresses, who.at)
	return body
}

// link is a studentContactAssociation. With an ended contact the child lives no more, and
// nobody calls it; the rest of what the school has stays.
func (p *plan) link(who person) *fhir.Node {
	body := fhir.NewObject().
		Set("contactReference", fhir.NewObject().Set("contactUniqueId", fhir.NewString(who.id))).
		Set("studentReference", p.studentReference())
	var relation Relation
	if who.ended {
		no := false
		relation = Relation{LivesWith: &no, EmergencyContact: &no, PrimaryContact: &no}
	} else {
		relation = p.relation(who.node.Get("relationship"), who.at+".relationship")
	}
	body.SetText("relationDescriptor", relation.Descriptor)
	flag(body, "livesWith", relation.LivesWith)
	flag(body, "legalGuardian", relation.LegalGuardian)
	flag(body, "emergencyContactStatus", relation.EmergencyContact)
	flag(body, "primaryContactStatus", relation.PrimaryContact)
	if relation.ContactPriority > 0 {
		body.Set("contactPriority", fhir.NewNumber(strconv.Itoa(relation.ContactPriority)))
	}
	return body
}

func flag(body *fhir.Node, name string, value *bool) {
	if value != nil {
		body.Set(name, fhir.NewBool(*value))
	}
}

func (p *plan) studentReference() *fhir.Node {
	return fhir.NewObject().Set("studentUniqueId", fhir.NewString(p.studentID))
}
