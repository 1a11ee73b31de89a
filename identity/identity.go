// Package identity answers one question: which child is this. Until matching exists
// a child is known only by an exact identifier of a registered assigner with family
// name and birth date agreeing; everything else waits for a person.
package identity

import (
	"strings"
	"unicode"

	"caregate/fhir"
)

// Assigners is the set of identifier systems whose values identify a child exactly.
type Assigners map[string]bool

// Term returns the search term of an identifier: system and value, exactly as assigned.
func Term(system, value string) []byte { return []byte(system + "|" + value) }

// Terms returns the terms of a Patient's identifiers that a registered assigner gave.
// Identifiers of other systems, and old ones (use "old"), identify nobody.
func Terms(patient *fhir.Node, registered Assigners) [][]byte {
	var terms [][]byte
	for _, id := range patient.Get("identifier").Items() {
		system, value := id.Get("system").Text(), id.Get("value").Text()
		if registered[system] && value != "" && id.Get("use").Text() != "old" {
			terms = append(terms, Term(system, value))
		}
	}
	return terms
}

// Agreement returns what has to agree beside the identifier: folded family name and
// birth date. It is empty where the Patient lacks either, and then nothing agrees.
func Agreement(patient *fhir.Node) []byte {
	family, birth := officialFamily(patient), patient.Get("birthDate").Text()
	if family == "" || len(birth) != len("2006-01-02") {
		return nil
	}
	return []byte(fold(family) + "|" + birth)
}

// officialFamily prefers the official name; a child's nickname or maiden name agrees with nothing.
func officialFamily(patient *fhir.Node) string {
	var family string
	for _, name := range patient.Get("name").Items() {
		use := name.Get("use").Text()
		if use == "official" {
			return name.Get("family").Text()
		}
		if family == "" && (use == "" || use == "usual") {
			family = name.Get("family").Text()
		}
	}
	return family
}

// fold keeps letters and digits in lower case: O'Neil, ONEIL and o-neil agree.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
