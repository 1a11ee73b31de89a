package reference

import "slices"

const (
	terminology = "http://terminology.hl7.org/CodeSystem/"
	legalLabels = "http://systems-of-care.example/fhir/CodeSystem/legal-label"
)

// rank is the high-water mark of v3-Confidentiality.
var rank = map[string]int{"U": 1, "L": 2, "M": 3, "N": 4, "R": 5, "V": 6}

// parents is the hierarchy of convention 7.
var parents = map[string]string{
	"COGN": "BH", "DVD": "BH", "EMOTDIS": "BH", "MH": "BH", "PSY": "BH", "PSYTHPN": "BH", "SUD": "BH",
	"BH": "SPI", "ETH": "SPI", "HIV": "SPI", "SDV": "SPI", "SEX": "SPI", "STD": "SPI", "VIO": "SPI",
	"ETHUD": "SUD", "OPIOIDUD": "SUD", "STI-CARE": "STD", "REPRODUCTIVE-CARE": "SEX",
}

var (
	actCodes   = []string{"42CFRPart2", "ADOL", "BH", "COGN", "DVD", "EMOTDIS", "ETH", "ETHUD", "HIV", "MH", "OPIOIDUD", "PSY", "PSYTHPN", "SDV", "SEX", "SPI", "STD", "SUD", "VIO"}
	legalCodes = []string{"FERPA", "REPORTER-ID", "CPS-INVEST", "STI-CARE", "REPRODUCTIVE-CARE"}
	substances = []string{"SUD", "ETHUD", "OPIOIDUD"}
	minds      = []string{"BH", "COGN", "DVD", "EMOTDIS", "MH", "PSY", "PSYTHPN"}
)

// known tells whether a label is one of the closed list.
func known(label Object) bool {
	code := text(label["code"])
	switch text(label["system"]) {
	case terminology + "v3-Confidentiality":
		return rank[code] > 0
	case terminology + "v3-ActCode":
		return slices.Contains(actCodes, code)
	case terminology + "v3-ActReason":
		return code == "HTEST"
	case legalLabels:
		return slices.Contains(legalCodes, code)
	}
	return false
}

func security(r Object) []Object { return objects(object(r["meta"])["security"]) }

func unknownLabel(r Object) bool {
	return slices.ContainsFunc(security(r), func(l Object) bool { return !known(l) })
}

// labelsOf lists the sensitivity and legal labels of a record.
func labelsOf(r Object) []string { return sensitivities(security(r)) }

func sensitivities(list []Object) []string {
	var out []string
	for _, l := range list {
		if code := text(l["code"]); known(l) && rank[code] == 0 && code != "HTEST" && !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return out
}

// rankOf is the highest confidentiality of a record; one that nobody labelled counts as restricted.
func rankOf(r Object) int {
	if highest := highestOf(security(r)); highest > 0 {
		return highest
	}
	return rank["R"]
}

func highestOf(list []Object) int {
	highest := 0
	for _, l := range list {
		highest = max(highest, rank[text(l["code"])])
	}
	return highest
}

// isA climbs the hierarchy.
func isA(code, listed string) bool {
	for ; code != ""; code = parents[code] {
		if code == listed {
			return true
		}
	}
	return false
}

// domainsOf is convention 15.
func domainsOf(labels []string) []string {
	var out []string
	add := func(domain string, codes ...string) {
		if slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(codes, l) }) {
			out = append(out, domain)
		}
	}
	add("education", "FERPA")
	add("child-welfare", "CPS-INVEST")
	add("sud", append([]string{"42CFRPart2"}, substances...)...)
	add("mental-health", minds...)
	add("hiv", "HIV")
	add("sti", "STI-CARE")
	add("reproductive", "REPRODUCTIVE-CARE")
	if len(out) == 0 {
		return []string{"health"}
	}
	return out
}

// names lists which labels of a record a permit's list reaches, convention 7. What comes from a
// part 2 program and what speaks of substance use is one thing: naming either names both.
func names(listed, have []string) []string {
	reaches := func(code string) bool {
		return slices.ContainsFunc(listed, func(l string) bool { return isA(code, l) })
	}
	part2 := slices.Contains(have, "42CFRPart2")
	someSubstance := slices.ContainsFunc(have, func(c string) bool { return slices.Contains(substances, c) && reaches(c) })
	var out []string
	for _, code := range have {
		switch {
		case reaches(code):
			out = append(out, code)
		case part2 && slices.Contains(substances, code) && slices.Contains(listed, "42CFRPart2"):
			out = append(out, code)
		case code == "42CFRPart2" && (someSubstance || slices.Contains(listed, code)):
			out = append(out, code)
		}
	}
	return out
}

// labelsPermit: confidentiality up to the listed one, and every sensitivity of the record among the listed.
func labelsPermit(listed []Object, r Object) bool {
	wanted, have := sensitivities(listed), labelsOf(r)
	highest := highestOf(listed)
	if highest == 0 && (len(wanted) == 0 || len(names(wanted, have)) == 0) {
		return false
	}
	if highest > 0 && rankOf(r) > highest {
		return false
	}
	return len(wanted) == 0 || len(names(wanted, have)) == len(have)
}

// labelsDeny: confidentiality from the listed one upwards, or any sensitivity of the record among the listed.
func labelsDeny(listed []Object, r Object) bool {
	for _, l := range listed {
		if at := rank[text(l["code"])]; at > 0 && rankOf(r) >= at {
			return true
		}
	}
	wanted := sensitivities(listed)
	return slices.ContainsFunc(labelsOf(r), func(have string) bool {
		return slices.ContainsFunc(wanted, func(l string) bool {
			return isA(have, l) || (have == "42CFRPart2" && slices.ContainsFunc([]string{"SUD", "BH", "SPI"}, func(up string) bool { return l == up }))
		})
	})
}
