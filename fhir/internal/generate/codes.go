package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// maxGoCodes is the size above which a value set gets no Go type: nobody picks a currency from constants.
const maxGoCodes = 60

// codeTypeNames corrects value set names that are no usable type name, or are used twice.
var codeTypeNames = map[string]string{
	"medication-status":                "MedicationStatus",
	"medication-statement-status":      "MedicationStatementStatus",
	"medication-admin-status":          "MedicationAdministrationStatus",
	"medicationdispense-status":        "MedicationDispenseStatus",
	"medicationrequest-status":         "MedicationRequestStatus",
	"medicationrequest-intent":         "MedicationRequestIntent",
	"v3-ConfidentialityClassification": "ConfidentialityClassification",
}

var codeNames = map[string]string{
	"<": "LessThan", "<=": "LessOrEqual", ">": "GreaterThan", ">=": "GreaterOrEqual",
	"=": "Equals", "!=": "NotEquals", "+": "Plus", "-": "Minus",
}

// bind expands a required value set and answers with its key; "" where it cannot be enumerated.
func (d *definitions) bind(canonical string, m *model) string {
	url, _, _ := strings.Cut(canonical, "|")
	key := url[strings.LastIndex(url, "/")+1:]
	if vs, ok := m.valueSets[key]; ok {
		return vs.key
	}
	codes, ok := d.expand(url)
	vs := &valueSet{key: key, codes: codes}
	if !ok || len(codes) == 0 {
		vs.key = ""
	} else if len(codes) <= maxGoCodes {
		vs.goName = codeTypeNames[key]
		if vs.goName == "" {
			vs.goName = exported(d.valueSets[url].Name)
		}
	}
	m.valueSets[key] = vs
	return vs.key
}

func (d *definitions) expand(url string) ([]string, bool) {
	vs, ok := d.valueSets[url]
	if !ok {
		return nil, false
	}
	var codes []string
	for _, inc := range vs.Compose.Include {
		more, ok := d.expandInclude(inc)
		if !ok {
			return nil, false
		}
		codes = append(codes, more...)
	}
	for _, exc := range vs.Compose.Exclude {
		less, ok := d.expandInclude(exc)
		if !ok {
			return nil, false
		}
		codes = slices.DeleteFunc(codes, func(c string) bool { return slices.Contains(less, c) })
	}
	return codes, true
}

func (d *definitions) expandInclude(inc include) ([]string, bool) {
	if len(inc.Filter) > 0 {
		return nil, false
	}
	var codes []string
	for _, url := range inc.ValueSet {
		base, _, _ := strings.Cut(url, "|")
		more, ok := d.expand(base)
		if !ok {
			return nil, false
		}
		codes = append(codes, more...)
	}
	concepts := inc.Concept
	if len(concepts) == 0 && inc.System != "" {
		cs, ok := d.codeSystems[inc.System]
		if !ok || cs.Content != "complete" {
			return nil, false
		}
		concepts = cs.Concept
	}
	return appendConcepts(codes, inc.System, concepts), true
}

func appendConcepts(codes []string, system string, concepts []concept) []string {
	for _, c := range concepts {
		codes = append(codes, system+" "+c.Code)
		codes = appendConcepts(codes, system, c.Concept)
	}
	return codes
}

func (m *model) sortedValueSets() []*valueSet {
	var all []*valueSet
	for _, vs := range m.valueSets {
		if vs.key != "" {
			all = append(all, vs)
		}
	}
	slices.SortFunc(all, func(a, b *valueSet) int { return strings.Compare(a.key, b.key) })
	return all
}

// emitCodes writes one string type with its constants for each value set that a code element requires.
func emitCodes(b *bytes.Buffer, m *model) {
	used := map[string]bool{}
	for _, s := range m.structures {
		for _, e := range s.elements {
			if slices.Contains(e.types, "code") {
				used[e.binding] = true
			}
		}
	}
	for _, vs := range m.sortedValueSets() {
		if vs.goName == "" || !used[vs.key] {
			vs.goName = ""
			continue
		}
		fmt.Fprintf(b, "\n// %s is a code of the R4 value set %s.\ntype %[1]s string\n", vs.goName, vs.key)
		fmt.Fprintf(b, "\n// The codes of %s.\nconst (\n", vs.goName)
		for _, c := range vs.codes {
			_, code, _ := strings.Cut(c, " ")
			name := codeNames[code]
			if name == "" {
				name = exported(code)
			}
			fmt.Fprintf(b, "%s%s %[1]s = %[3]q\n", vs.goName, name, code)
		}
		b.WriteString(")\n")
	}
}
