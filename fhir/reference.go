package fhir

import (
	"slices"
	"strings"
)

// ReferenceTarget returns the resource type and logical id that a literal reference names, such as
// "Patient", "p1" for "Patient/p1", "https://example.org/fhir/Patient/p1" and "Patient/p1/_history/2".
// A conditional reference ("Patient?identifier=...") has no id; both are "" for fragments, URNs and
// anything that does not end in a resource type of R4 and an id.
func ReferenceTarget(reference string) (resourceType, id string) {
	reference, _, _ = strings.Cut(reference, "#")
	reference, _, _ = strings.Cut(reference, "/_history/")
	if path, _, conditional := strings.Cut(reference, "?"); conditional {
		if name := path[strings.LastIndex(path, "/")+1:]; r4().resources[name] {
			return name, ""
		}
		return "", ""
	}
	slash := strings.LastIndexByte(reference, '/')
	if slash < 0 {
		return "", ""
	}
	path, id := reference[:slash], reference[slash+1:]
	name := path[strings.LastIndex(path, "/")+1:]
	if !r4().resources[name] || !idFormat.MatchString(id) {
		return "", ""
	}
	return name, id
}

// reference checks that what is referred to is of a type that the element admits.
func (v *validator) reference(n *Node, targets []string) {
	text := n.Get("reference").Text()
	named := n.Get("type").Text()
	if named != "" && targets != nil && v.defs.resources[named] && !slices.Contains(targets, named) {
		v.in("type", func() { v.report(IssueReference, "element does not refer to this resource type") })
	}
	if text == "" {
		return
	}
	found, known := v.target(text)
	switch {
	case !known:
		v.in("reference", func() { v.report(IssueReference, "reference is to no contained resource or known resource type") })
	case found != "" && targets != nil && !slices.Contains(targets, found):
		v.in("reference", func() { v.report(IssueReference, "element does not refer to this resource type") })
	}
}

// target finds the resource type behind a reference, "" where the document does not tell;
// known is false for a fragment or relative reference that can lead nowhere.
func (v *validator) target(reference string) (resourceType string, known bool) {
	if fragment, ok := strings.CutPrefix(reference, "#"); ok {
		if fragment == "" {
			return v.root.ResourceType(), true
		}
		for _, c := range v.root.Get("contained").Items() {
			if c.ID() == fragment {
				return c.ResourceType(), true
			}
		}
		return "", false
	}
	if resourceType, ok := v.bundle[reference]; ok {
		return resourceType, true
	}
	resourceType, _ = ReferenceTarget(reference)
	return resourceType, resourceType != "" || strings.Contains(reference, ":")
}
