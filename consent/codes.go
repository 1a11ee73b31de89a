package consent

// The code systems that a decision reads; a code of any other system never matches a permit.
const (
	SystemConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	SystemActCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	SystemActReason       = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	SystemLegalLabel      = "http://systems-of-care.example/fhir/CodeSystem/legal-label"
	SystemParticipation   = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	SystemConsentAction   = "http://terminology.hl7.org/CodeSystem/consentaction"
	SystemConsentScope    = "http://terminology.hl7.org/CodeSystem/consentscope"
	SystemResourceTypes   = "http://hl7.org/fhir/resource-types"
)

// The domains of authority; a record may belong to several.
const (
	DomainAll          = "all"
	DomainHealth       = "health"
	DomainMentalHealth = "mental-health"
	DomainSUD          = "sud"
	DomainHIV          = "hiv"
	DomainSTI          = "sti"          // care of sexually transmitted infections, a part of health
	DomainReproductive = "reproductive" // pregnancy, contraception, care after sexual assault, a part of health
	DomainEducation    = "education"
	DomainChildWelfare = "child-welfare"
	DomainOrdinaryCare = "ordinary-care" // covers no release of records
)

// confidentiality ranks v3-Confidentiality: a higher rank is more protected.
var confidentiality = map[string]int{"U": 1, "L": 2, "M": 3, "N": 4, "R": 5, "V": 6}

const (
	rankNormal     = 4
	rankRestricted = 5
)

// sensitivity is one label other than a confidentiality: its parents in the hierarchy
// (DS4P listing order) and the domain of authority that its records fall under.
type sensitivity struct {
	system, code string
	parents      []string
	domain       string
}

// sensitivities is the closed list of labels; a label that is not here withholds its resource.
var sensitivities = []sensitivity{
	{SystemActCode, "SPI", nil, ""},
	{SystemActCode, "BH", []string{"SPI"}, DomainMentalHealth},
	{SystemActCode, "MH", []string{"BH"}, DomainMentalHealth},
	{SystemActCode, "PSY", []string{"BH"}, DomainMentalHealth},
	{SystemActCode, "PSYTHPN", []string{"BH"}, DomainMentalHealth},
	{SystemActCode, "EMOTDIS", []string{"BH"}, DomainMentalHealth},
	{SystemActCode, "DVD", []string{"BH"}, DomainMentalHealth},
	{SystemActCode, "COGN", []string{"BH"}, DomainMentalHealth},
	{SystemActCode, "SUD", []string{"BH"}, DomainSUD},
	{SystemActCode, "ETHUD", []string{"SUD"}, DomainSUD},
	{SystemActCode, "OPIOIDUD", []string{"SUD"}, DomainSUD},
	{SystemActCode, "42CFRPart2", nil, DomainSUD},
	{SystemActCode, "ETH", []string{"SPI"}, ""},
	{SystemActCode, "HIV", []string{"SPI"}, DomainHIV},
	{SystemActCode, "SDV", []string{"SPI"}, ""},
	{SystemActCode, "SEX", []string{"SPI"}, ""},
	{SystemActCode, "STD", []string{"SPI"}, ""},
	{SystemActCode, "VIO", []string{"SPI"}, ""},
	{SystemActCode, "ADOL", nil, ""},
	{SystemLegalLabel, "FERPA", nil, DomainEducation},
	{SystemLegalLabel, "MH-SUMMARY", nil, DomainMentalHealth},       // 740 ILCS 110/4(a)(3)
	{SystemLegalLabel, "MINOR-COUNSELING", nil, DomainMentalHealth}, // 405 ILCS 5/3-5A-105
	{SystemLegalLabel, "REPORTER-ID", nil, ""},
	{SystemLegalLabel, "CPS-INVEST", nil, DomainChildWelfare},
	{SystemLegalLabel, "STI-CARE", []string{"STD"}, DomainSTI},
	{SystemLegalLabel, "REPRODUCTIVE-CARE", []string{"SEX"}, DomainReproductive},
}

// parentPurpose is the part of v3-ActReason in which a purpose is a kind of another:
// a consent that names the broader purpose covers the narrower one, never the reverse.
var parentPurpose = map[string]string{
	"BTG":     "ETREAT",
	"ETREAT":  "TREAT",
	"COC":     "TREAT",
	"CAREMGT": "TREAT",
}

// purposeIs reports whether a purpose equals another or is a kind of it.
func purposeIs(code, listed string) bool {
	for code != "" {
		if code == listed {
			return true
		}
		code = parentPurpose[code]
	}
	return false
}
