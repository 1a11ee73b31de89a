package config

import (
	"time"

	"caregate/adapters/edfi"
)

// Partner is one file of partners/: an organisation that sends or receives.
type Partner struct {
	// ID is the name of the file without .yaml; it stands in routes, logs and explanations.
	ID string `yaml:"id"`
	// Name in words.
	Name string `yaml:"name"`
	// Owner settles what waits because of the partner's messages: a person or a team, as work items name it.
	Owner string `yaml:"owner"`
	// Organization is who the partner is to the law; no message can change it.
	Organization Organization `yaml:"organization"`
	// Asserts lists what the partner may state so that it enters decisions; by default nothing.
	// authority is for everything about the child's guardians and legal state; custody (with
	// placement, joint consent, emancipation, flags), order and minor-statement are parts of it.
	Asserts []string `yaml:"asserts" enum:"identity,consent,authority,custody,order,minor-statement,label"`
	// Duplicates says what happens when a control id comes again.
	Duplicates Duplicates `yaml:"duplicates"`
	// Reads is the purpose of use (v3-ActReason) of the partner's FHIR reads, and of its consent consultations that name none; empty refuses both.
	Reads string `yaml:"reads"`
	// Endpoints are the protocols that the partner speaks.
	Endpoints Endpoints `yaml:"endpoints"`

	file   string
	broken bool // its file could not be read: nothing more can be said about it
}

// Organization is who a partner is to the law.
type Organization struct {
	// Reference is the organisation as consents name it, "Organization/ID".
	Reference string `yaml:"reference" required:"true"`
	// Ancestors are the organisations it is part of, nearest first.
	Ancestors []string `yaml:"ancestors"`
	// Type is the kind of organisation: prov, govt, edu, cg, crisis-response ...
	Type string `yaml:"type"`
	// Role of those who receive there.
	Role string `yaml:"role"`
	// Clinician says that a clinician receives it.
	Clinician bool `yaml:"clinician"`
	// MemberOf are groups and care teams that consents name.
	MemberOf []string `yaml:"memberOf"`
	// EducationalInterest says that a legitimate educational interest was determined (34 CFR 99.31(a)(1)).
	EducationalInterest bool `yaml:"educationalInterest"`
	// Identifiers are the organisation's own, as consents may name it by them.
	Identifiers []Identifier `yaml:"identifiers"`
}

// Identifier is a business identifier.
type Identifier struct {
	// System is the URI of the numbering.
	System string `yaml:"system" required:"true"`
	// Value is the number in it.
	Value string `yaml:"value" required:"true"`
}

// Duplicates says what happens when a control id comes again.
type Duplicates struct {
	// Window is how long a control id stays reserved after it was accepted.
	Window time.Duration `yaml:"window" default:"168h" min:"0s"`
	// Conflict is what the same id with other content means: refuse it, or accept and flag it.
	Conflict string `yaml:"conflict" enum:"refuse,flag" default:"refuse"`
}

// Endpoints are the protocols of a partner; at least one.
type Endpoints struct {
	// MLLP is HL7 v2 over MLLP.
	MLLP *MLLP `yaml:"mllp"`
	// FHIR is FHIR R4 over HTTP.
	FHIR *FHIR `yaml:"fhir"`
	// EdFi is an Ed-Fi Data Standard API that is written to.
	EdFi *EdFi `yaml:"edfi"`
}

// MLLP is HL7 v2 over MLLP, in one or both directions.
type MLLP struct {
	// Listen is our host:port for this partner alone: who connects there is the partner.
	Listen string `yaml:"listen"`
	// TLS is the certificate of that listener.
	TLS *ServerTLS `yaml:"tls"`
	// Connect is the partner's host:port.
	Connect string `yaml:"connect"`
	// ConnectTLS secures the connection to the partner; absent means plain text.
	ConnectTLS *ClientTLS `yaml:"connectTLS"`
	// Insecure permits plain text beyond the loopback interface, inside a tunnel for example.
	Insecure bool `yaml:"insecure"`
	// Certificates are names in client certificates (DNS name, URI, mail address) that prove the partner on its listener.
	Certificates []string `yaml:"certificates"`
	// Applications are the "MSH-3.1|MSH-4.1", or MSH-3.1 alone, that its messages must name; empty does not look at them.
	Applications []string `yaml:"applications"`
	// Enhanced answers with CA, CE and CR where MSH-15 and MSH-16 are empty.
	Enhanced bool `yaml:"enhanced"`
	// Connections is how many connections to the partner are kept open.
	Connections int `yaml:"connections" default:"1" min:"1"`
	// Processing lists the processing ids (MSH-11) that are taken, such as P or T; empty takes all.
	Processing []string `yaml:"processing"`
	// Versions lists the HL7 versions (MSH-12) that are taken; empty takes all that are supported.
	Versions []string `yaml:"versions"`
	// Profile is how this partner's HL7 v2 looks, here or in a file of its own.
	Profile Profile `yaml:"profile"`
}

// FHIR is FHIR R4 over HTTP, in one or both directions.
type FHIR struct {
	// Token is the bearer token that the partner presents to us; without one it cannot send.
	Token Secret `yaml:"token"`
	// URL is the base address that the partner receives at.
	URL string `yaml:"url"`
	// Bearer is the token that we present to it.
	Bearer Secret `yaml:"bearer"`
	// ClientCredentials are used to fetch a token instead.
	ClientCredentials *ClientCredentials `yaml:"clientCredentials"`
	// TLS says whom we trust there and what we show.
	TLS *ClientTLS `yaml:"tls"`
	// AllowPrivate permits a private or loopback address; such addresses are refused otherwise.
	AllowPrivate bool `yaml:"allowPrivate"`
	// Mode is what the partner takes: one transaction, or one message Bundle.
	Mode string `yaml:"mode" enum:"transaction,message" default:"transaction"`
}

// EdFi is an Ed-Fi API that contacts, addresses and characteristics are written to.
type EdFi struct {
	// URL is the base address of the API, without /data/v3.
	URL string `yaml:"url" required:"true"`
	// TokenURL is the token endpoint; URL/oauth/token where absent.
	TokenURL string `yaml:"tokenURL"`
	// Key names us there.
	Key Secret `yaml:"key" required:"true"`
	// Secret proves it.
	Secret Secret `yaml:"secret" required:"true"`
	// TLS says whom we trust there and what we show.
	TLS *ClientTLS `yaml:"tls"`
	// AllowPrivate permits a private or loopback address; such addresses are refused otherwise.
	AllowPrivate bool `yaml:"allowPrivate"`
	// DataPath is where the core resources are served; /data/v3/ed-fi where absent.
	DataPath string `yaml:"dataPath"`
	// Overwrite posts without reading first, which erases what the school itself added.
	Overwrite bool `yaml:"overwrite"`
	// StudentSystem is the identifier system whose value is the studentUniqueId.
	StudentSystem string `yaml:"studentSystem" required:"true"`
	// ContactSystem is the identifier system whose value is the contactUniqueId; empty for none.
	ContactSystem string `yaml:"contactSystem"`
	// EducationOrganizationID is the district that is written for.
	EducationOrganizationID int64 `yaml:"educationOrganizationId" required:"true"`
	// ConfidentialAddresses marks every address as not for publication, as foster placements need.
	ConfidentialAddresses bool `yaml:"confidentialAddresses"`
	// Descriptors say which descriptor of this API a FHIR code is: addressType, state, telephone, electronicMail, relation.
	Descriptors edfi.Descriptors `yaml:"descriptors"`
}

// ClientCredentials are an OAuth 2.0 client credentials grant (RFC 6749 section 4.4).
type ClientCredentials struct {
	// TokenURL is the token endpoint.
	TokenURL string `yaml:"tokenURL" required:"true"`
	// ClientID names us there.
	ClientID Secret `yaml:"clientID" required:"true"`
	// Secret proves it.
	Secret Secret `yaml:"secret" required:"true"`
	// Scope that is asked for.
	Scope string `yaml:"scope"`
}
