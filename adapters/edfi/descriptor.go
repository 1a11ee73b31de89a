package edfi

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"caregate/adapters"
	"caregate/fhir"
)

// Unspecified is the key of a map for elements without a use: Ed-Fi requires a type there.
const Unspecified = "unspecified"

// Descriptors say which descriptor of this deployment a FHIR code is: values differ from
// deployment to deployment. A code that is not in its map is refused.
type Descriptors struct {
	AddressType    map[string]string   `yaml:"addressType"`    // Address.use, or unspecified
	State          map[string]string   `yaml:"state"`          // Address.state
	Telephone      map[string]string   `yaml:"telephone"`      // ContactPoint.use of phone and sms, "fax", "pager", or unspecified
	ElectronicMail map[string]string   `yaml:"electronicMail"` // ContactPoint.use of email, or unspecified
	Relation       map[string]Relation `yaml:"relation"`       // relationship code, or "system|code"
}

// Relation is what a relationship means at this school: the descriptor, and what the
// district agreed that such a person may and does. A nil flag is not sent.
type Relation struct {
	Descriptor       string `yaml:"descriptor"`
	LivesWith        *bool  `yaml:"livesWith"`
	LegalGuardian    *bool  `yaml:"legalGuardian"`
	EmergencyContact *bool  `yaml:"emergencyContact"`
	PrimaryContact   *bool  `yaml:"primaryContact"`
	ContactPriority  int    `yaml:"contactPriority"` // 1 is called first; 0 is not sent
}

var descriptorPattern = regexp.MustCompile(`^uri://[^\s/#]+/[A-Za-z]+Descriptor#\S.*$`)

func (d Descriptors) check() []error {
	var faults []error
	try := func(table, key, value string) {
		if !descriptorPattern.MatchString(value) {
			faults = append(faults, fmt.Errorf("descriptors.%s: %q must be like uri://ed-fi.org/AddressTypeDescriptor#Home", table, key))
		}
	}
	tables := []struct {
		name    string
		entries map[string]string
	}{{"addressType", d.AddressType}, {"state", d.State}, {"telephone", d.Telephone}, {"electronicMail", d.ElectronicMail}}
	for _, table := range tables {
		for _, key := range slices.Sorted(maps.Keys(table.entries)) {
			try(table.name, key, table.entries[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.Relation)) {
		try("relation", key, d.Relation[key].Descriptor)
	}
	return faults
}

// describe looks a code up, and refuses at the element where it is not mapped.
func (p *plan) describe(table map[string]string, code, at, name string) *fhir.Node {
	if code == "" {
		code = Unspecified
	}
	if uri, ok := table[code]; ok {
		return fhir.NewString(uri)
	}
	p.refuse(adapters.CodeConfiguration, at, "no descriptor of this deployment is configured for this code: descriptors."+name)
	return fhir.NewString("")
}

// relation finds the first mapped relationship; the zero Relation where the element names none.
func (p *plan) relation(concepts *fhir.Node, at string) Relation {
	have := codes(concepts)
	for _, code := range have {
		if r, ok := p.codec.Descriptors.Relation[code]; ok {
			return r
		}
	}
	if len(have) > 0 {
		p.refuse(adapters.CodeConfiguration, at, "no descriptor of this deployment is configured for this code: descriptors.relation")
	}
	return Relation{}
}
