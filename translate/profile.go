package translate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

// Profile is what one partner's HL7 v2 looks like: the facts that no message states.
type Profile struct {
	Tenant              string            `yaml:"tenant"`                            // part of every generated id
	Base                string            `yaml:"base"`                              // base URL of Bundle.entry.fullUrl
	Zone                string            `yaml:"zone"`                              // IANA zone of times without an offset; "" reduces them to dates
	Version             string            `yaml:"version"`                           // MSH-12
	Sending             Party             `yaml:"sending"`                           // MSH-3 and MSH-4 of what we send
	Receiving           Party             `yaml:"receiving"`                         // MSH-5 and MSH-6 of what we send
	Processing          string            `yaml:"processing"`                        // MSH-11
	AcceptAck           string            `yaml:"acceptAck" enum:"AL,NE,ER,SU"`      // MSH-15
	ApplicationAck      string            `yaml:"applicationAck" enum:"AL,NE,ER,SU"` // MSH-16
	Country             string            `yaml:"country"`                           // MSH-17
	Charset             string            `yaml:"charset"`                           // MSH-18
	DTM                 DTMForm           `yaml:"dtm"`                               // how dates and times are written
	Identifiers         []Authority       `yaml:"identifiers"`                       // assigning authorities and their FHIR systems
	SendIdentifiers     []string          `yaml:"sendIdentifiers"`                   // FHIR systems of patient identifiers that may leave; empty means all
	SendIdentifierTypes []string          `yaml:"sendIdentifierTypes"`               // types (HL7 table 0203) of patient identifiers that may leave; empty means all. With sendIdentifiers too, both have to allow it
	CodeSystems         map[string]string `yaml:"codeSystems"`                       // v2 coding system name -> FHIR system, before the table
	Codes               map[string]Codes  `yaml:"codes"`                             // code table -> v2 code -> FHIR code, before the table
	HoldCodes           []string          `yaml:"holdCodes"`                         // HL7 tables whose unknown codes make a message wait for a person, "0283"; "all" for every table; by default those of statuses, consents and confidentiality, [] for none
	Updates             string            `yaml:"updates" enum:"fields,snapshot"`    // what an empty field of a later message means: "fields" (default, the standard) that nothing changed, "snapshot" that there is nothing
	Structures          []string          `yaml:"structures"`                        // message structures allowed, "REF_I12"; "any" for all
	ZSegments           string            `yaml:"zSegments" enum:"carry,drop,send"`  // of others: "carry" (default) keeps them, "drop" does not, "send" also writes them out
	SendZ               []string          `yaml:"sendZ"`                             // names of the Z segments that "send" writes out; empty means all
	HD                  string            `yaml:"hd" enum:"namespace,universal"`     // how assigning authorities and facilities are named: "namespace" alone, "universal" id alone, by default both; numbers of orders stay as they came
	LineBreak           string            `yaml:"lineBreak" enum:".br,repeat,space"` // a line end in text: ".br" (default), "repeat" for a repetition of a TX or FT field, "space"
	Lengths             map[string]int    `yaml:"lengths"`                           // most characters of a field or component, NTE-3: 200. TX, FT and the words beside a code are cut, with an issue; anything else that is longer is not sent
	Truncation          bool              `yaml:"truncation"`                        // from version 2.7 on, declare # in MSH-2 and end with it what was cut
	MaxAttachment       int               `yaml:"maxAttachment"`                     // most bytes of a document in an OBX of type ED, as encoded; a message with a larger one is not sent; 0 for no limit
	Terminator          string            `yaml:"terminator" enum:"cr,crlf,lf"`      // what ends a segment: "cr" (default, the standard), "crlf", "lf"
	SSN                 bool              `yaml:"ssn"`                               // let social security numbers through
	Trace               bool              `yaml:"trace"`                             // end each message with ZCG, the origin's control id
}

// Codes maps the codes of one v2 table to the codes of one FHIR element.
type Codes map[string]string

// Party is an application and its facility, each an HD as in MSH: "NAMESPACE^1.2.3^ISO".
type Party struct {
	Application string `yaml:"application"`
	Facility    string `yaml:"facility"`
}

// DTMForm is how a partner wants dates and times.
type DTMForm struct {
	Precision string `yaml:"precision" enum:"day,minute,second"` // "day", "minute", "second"; "" as precise as known
	NoOffset  bool   `yaml:"noOffset"`                           // local time of Zone without an offset
}

// Authority is one assigning authority: HD-1, HD-2 and the FHIR system they stand for.
type Authority struct {
	Namespace string `yaml:"namespace"`
	OID       string `yaml:"oid"`
	System    string `yaml:"system"`
	Type      string `yaml:"type"` // HL7 table 0203, written where FHIR has no identifier type
}

// DefaultBase is the base of fullUrl where a profile names none. It resolves nowhere.
const DefaultBase = "https://caregate.invalid/fhir"

// LoadProfile reads a profile. Unknown keys and an unknown zone are errors that name
// the line; a profile that says nothing is a permissive one.
func LoadProfile(yamlBytes []byte) (Profile, error) {
	defaults := Profile{Base: DefaultBase, Version: defaultVersion, Processing: "P", ZSegments: "carry", Trace: true, HoldCodes: slices.Clone(DefaultHoldCodes)}
	p := defaults
	err := yaml.NewDecoder(bytes.NewReader(yamlBytes), yaml.Strict()).Decode(&p)
	if err != nil && !errors.Is(err, io.EOF) {
		return Profile{}, fmt.Errorf("translate profile: %w", err)
	}
	if p.Base == "" && p.Version == "" && p.Processing == "" { // the decoder clears what a file of comments does not fill
		p = defaults
	}
	if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "Local" {
		return Profile{}, fmt.Errorf("translate profile: zone: not an IANA time zone name")
	}
	return p, p.check()
}

// defaultVersion is MSH-12 where a profile says none.
const defaultVersion = "2.5.1"

// choosy tells whether the profile limits which patient identifiers may leave.
func (p *Profile) choosy() bool { return len(p.SendIdentifiers)+len(p.SendIdentifierTypes) > 0 }

// allows tells whether the profile takes a message structure.
func (p Profile) allows(structure string) bool {
	for _, s := range p.Structures {
		if s == "any" || s == structure {
			return true
		}
	}
	return len(p.Structures) == 0
}
