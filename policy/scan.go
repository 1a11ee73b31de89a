package policy

import (
	"slices"
	"strings"

	"caregate/consent"
	"caregate/fhir"
)

// finding is what the tables say about one resource.
type finding struct {
	labels []label
	known  bool // a table knows what the record is, not only a word or a side code in it
}

// telling are the elements whose codes say what a record is; a code elsewhere can only raise its labels.
var telling = []string{"code", "type", "medicationCodeableConcept", "vaccineCode", "category"}

// silent are types whose texts are names, addresses and terms of a form, which no word table should read.
var silent = map[string]bool{
	"Organization": true, "Practitioner": true, "PractitionerRole": true, "Location": true, "HealthcareService": true,
	"Endpoint": true, "Patient": true, "RelatedPerson": true, "Consent": true, "Questionnaire": true, "MessageHeader": true,
}

func (f *finding) scan(l *Labeler, n *fhir.Node) {
	for _, name := range telling {
		f.concepts(l, n.Get(name))
	}
	if form := n.Get("questionnaire").Text(); form != "" {
		url, _, _ := strings.Cut(form, "|")
		f.take(l.lookup(concept{tableForm, url}), true)
	}
	if strings.HasPrefix(n.ResourceType(), "Medication") {
		f.medication(l, n.Get("medicationCodeableConcept"))
		f.medication(l, n.Get("code"))
	}
	f.walk(l, n, !silent[n.ResourceType()])
}

// medication reads the name of a medication: there, and only there, a word tells what the
// record is, so that an ordinary medicine without a code need not count as psychotropic.
func (f *finding) medication(l *Labeler, n *fhir.Node) {
	f.take(l.readText(n.Get("text").Text()), true)
	for _, c := range n.Get("coding").Items() {
		f.take(l.readText(c.Get("display").Text()), true)
	}
}

// concepts reads a CodeableConcept or a list of them.
func (f *finding) concepts(l *Labeler, n *fhir.Node) {
	for _, item := range n.Items() {
		f.concepts(l, item)
	}
	for _, c := range n.Get("coding").Items() {
		f.take(l.lookup(conceptOf(c)), true)
	}
}

func (f *finding) take(labels []label, tells bool) {
	if labels == nil {
		return
	}
	f.labels = append(slices.Clip(f.labels), labels...)
	f.known = f.known || tells
}

// walk reads every other code of the resource and its free text.
func (f *finding) walk(l *Labeler, n *fhir.Node, read bool) {
	if c := conceptOf(n); c.system != "" && c.code != "" {
		f.raise(l.lookup(c))
		if read {
			f.text(l, n.Get("display").Text())
		}
	}
	for name, m := range n.Members() {
		switch {
		case name == "meta" || name == "securityLabel":
		case m.Kind() >= fhir.Array:
			f.walk(l, m, read)
		case read && m.Kind() == fhir.String && written[name]:
			f.text(l, m.Text())
		}
	}
	for _, item := range n.Items() {
		if item.Kind() >= fhir.Array {
			f.walk(l, item, read)
		}
	}
}

// written are the elements in which people write; "div" is the narrative.
var written = map[string]bool{
	"text": true, "description": true, "title": true, "contentString": true, "valueString": true, "comment": true, "div": true, "patientInstruction": true,
}

// raise takes labels that protect more than N: a code or word in passing never makes a record normal.
func (f *finding) raise(labels []label) {
	for _, lb := range labels {
		if lb.rank == 0 || lb.rank > consent.Rank("N") {
			f.take([]label{lb}, false)
		}
	}
}

func (f *finding) text(l *Labeler, s string) { f.raise(l.readText(s)) }

// readText looks up every word and phrase of a free text.
func (l *Labeler) readText(s string) []label {
	if s == "" {
		return nil
	}
	s = strings.ToLower(s)
	var out []label
	for word := range strings.FieldsFuncSeq(s, betweenWords) {
		out = append(out, l.words[word]...)
		out = append(out, l.longestPrefix(tableText, word)...)
	}
	for phrase, labels := range l.phrases {
		if strings.Contains(s, phrase) {
			out = append(out, labels...)
		}
	}
	return out
}

func betweenWords(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}

// lookup finds a code, else its longest known prefix.
func (l *Labeler) lookup(c concept) []label {
	if labels, ok := l.codes[c]; ok {
		return labels
	}
	return l.longestPrefix(c.system, strings.ToLower(c.code))
}

func (l *Labeler) longestPrefix(system, code string) []label {
	for _, n := range l.lengths[system] {
		if n > len(code) || n == 0 {
			continue
		}
		if labels, ok := l.prefixes[concept{system, code[:n]}]; ok {
			return labels
		}
	}
	return nil
}
