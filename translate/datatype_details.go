package translate

import (
	"slices"

	"caregate/fhir"
)

// detailURLs are the extensions that other fields add to the logical reference of a person
// or an organisation: where they are, how to reach them, for whom they act.
var detailURLs = []string{Extensions + "address", Extensions + "telecom", Extensions + "organization"}

// part returns the person without what other fields say of them.
func (personConverter) part(n *fhir.Node) *fhir.Node { return withoutDetails(n) }

// part returns the organisation without what other fields say of it.
func (organisationConverter) part(n *fhir.Node) *fhir.Node { return withoutDetails(n) }

func withoutDetails(n *fhir.Node) *fhir.Node {
	out := n.Clone()
	out.Get("extension").KeepItems(func(ext *fhir.Node) bool {
		return !slices.Contains(detailURLs, ext.Get("url").Text())
	})
	if out.Get("extension").Len() == 0 {
		out.Remove("extension")
	}
	return out
}

// names tells whether a reference already says who or what it leads to.
func names(reference *fhir.Node) bool {
	return reference.Get("reference") != nil || reference.Get("identifier") != nil || reference.Get("display") != nil
}

// part returns the document without its title and date, which other fields say.
func (attachmentConverter) part(n *fhir.Node) *fhir.Node {
	return partOf(n, "extension", "contentType", "url", "data")
}
