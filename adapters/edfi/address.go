package edfi

import (
	"fmt"
	"strconv"

	"caregate/adapters"
	"caregate/fhir"
)

// association plans the child's addresses and numbers with the district. Past ones are
// not sent; where no current one was released there is nothing to say.
func (p *plan) association(patient *fhir.Node, at string) {
	body := fhir.NewObject().
		Set("educationOrganizationReference", fhir.NewObject().
			Set("educationOrganizationId", fhir.NewNumber(strconv.FormatInt(p.codec.EducationOrganizationID, 10)))).
		Set("studentReference", p.studentReference())
	empty := body.Len()
	p.addresses(body, patient.Get("address"), at)
	p.telecom(body, patient.Get("telecom"), at)
	if body.Len() == empty {
		return
	}
	lookup := []string{"educationOrganizationId", strconv.FormatInt(p.codec.EducationOrganizationID, 10), "studentUniqueId", p.studentID}
	p.step("studentEducationOrganizationAssociations", lookup, false, body)
}

func (p *plan) addresses(body, list *fhir.Node, at string) {
	for i, address := range list.Items() {
		if address.Get("use").Text() == "old" || p.past(address) {
			continue
		}
		body.Add("addresses", p.address(address, fmt.Sprintf("%s.address[%d]", at, i)))
	}
}

func (p *plan) address(a *fhir.Node, at string) *fhir.Node {
	for _, name := range []string{"city", "state", "postalCode", "line"} {
		if a.Get(name) == nil {
			p.refuse(adapters.CodeMissing, at+"."+name, "Ed-Fi requires it of an address")
		}
	}
	out := fhir.NewObject().
		Set("addressTypeDescriptor", p.describe(p.codec.Descriptors.AddressType, a.Get("use").Text(), at+".use", "addressType"))
	if state := a.Get("state").Text(); state != "" {
		out.Set("stateAbbreviationDescriptor", p.describe(p.codec.Descriptors.State, state, at+".state", "state"))
	}
	out.SetText("city", a.Get("city").Text())
	out.SetText("postalCode", a.Get("postalCode").Text())
	out.SetText("streetNumberName", a.At("line[0]").Text())
	out.SetText("apartmentRoomSuiteNumber", joined(a.Get("line"), 1))
	if p.codec.ConfidentialAddresses {
		out.Set("doNotPublishIndicator", fhir.NewBool(true))
	}
	if start := day(a.At("period.start").Text()); len(start) == len("2006-01-02") {
		period := fhir.NewObject().Set("beginDate", fhir.NewString(start))
		if end := day(a.At("period.end").Text()); len(end) == len(start) {
			period.Set("endDate", fhir.NewString(end))
		}
		out.Add("periods", period)
	}
	return out
}

// telecom plans numbers and mail addresses; other systems (url, other) have no place in Ed-Fi.
func (p *plan) telecom(body, list *fhir.Node, at string) {
	for i, point := range list.Items() {
		value, use := point.Get("value").Text(), point.Get("use").Text()
		if value == "" || use == "old" || p.past(point) {
			continue
		}
		place := fmt.Sprintf("%s.telecom[%d].use", at, i)
		switch system := point.Get("system").Text(); system {
		case "fax", "pager":
			use = system
			fallthrough
		case "phone", "sms":
			body.Add("telephones", fhir.NewObject().
				Set("telephoneNumberTypeDescriptor", p.describe(p.codec.Descriptors.Telephone, use, place, "telephone")).
				Set("telephoneNumber", fhir.NewString(value)))
		case "email":
			body.Add("electronicMails", fhir.NewObject().
				Set("electronicMailTypeDescriptor", p.describe(p.codec.Descriptors.ElectronicMail, use, place, "electronicMail")).
				Set("electronicMailAddress", fhir.NewString(value)))
		}
	}
}
