package fhir

// inlineLabel is the extension that labels one element (FHIR DS4P 1.0, extension-inline-sec-label).
const inlineLabel = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"

// SecurityLabel is one code of meta.security, DocumentReference.securityLabel or an inline label.
type SecurityLabel struct{ System, Code string }

// SecurityLabels returns every security label that a resource carries, each once, in
// the order of the document: meta.security, DocumentReference.securityLabel and
// inline labels (DS4P), those of contained resources included.
// Consent.provision.securityLabel is a condition of the consent, not a label, and is left out.
func SecurityLabels(n *Node) []SecurityLabel {
	l := labelSet{seen: map[SecurityLabel]bool{}}
	l.walk(n)
	return l.labels
}

type labelSet struct {
	labels []SecurityLabel
	seen   map[SecurityLabel]bool
}

func (l *labelSet) add(coding *Node) {
	label := SecurityLabel{System: coding.Get("system").Text(), Code: coding.Get("code").Text()}
	if label.Code == "" || l.seen[label] {
		return
	}
	l.seen[label] = true
	l.labels = append(l.labels, label)
}

func (l *labelSet) walk(n *Node) {
	for _, coding := range n.Get("meta").Get("security").Items() {
		l.add(coding)
	}
	if n.ResourceType() == "DocumentReference" {
		for _, concept := range n.Get("securityLabel").Items() {
			for _, coding := range concept.Get("coding").Items() {
				l.add(coding)
			}
		}
	}
	if n.Get("url").Text() == inlineLabel {
		l.add(n.Get("valueCoding"))
	}
	for _, child := range n.members {
		if child.Kind() >= Array {
			l.walk(child)
		}
	}
}
