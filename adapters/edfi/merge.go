package edfi

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"caregate/fhir"
)

// merge returns what the school has with the plan's members put in. Ed-Fi replaces a whole
// record on POST, so a bare plan would erase what the school itself wrote. In a list
// (addresses, telephones) an item of the plan replaces those of its own type descriptor;
// a home address replaces the home address and leaves the mailing address.
func merge(have, plan *fhir.Node) *fhir.Node {
	if have.Kind() != fhir.Object {
		return plan
	}
	out := have.Clone()
	for _, name := range []string{"id", "_etag", "_lastModifiedDate", "_lineage"} {
		out.Remove(name) // the API's own, refused in a POST
	}
	withoutLinks(out)
	for name, value := range plan.Members() {
		if value.Kind() == fhir.Array {
			value = mergeList(out.Get(name), value)
		}
		out.Set(name, value)
	}
	return out
}

// withoutLinks drops the hypermedia that the API adds to references.
func withoutLinks(n *fhir.Node) {
	n.Remove("link")
	for _, child := range n.Members() {
		withoutLinks(child)
	}
	for _, child := range n.Items() {
		withoutLinks(child)
	}
}

func mergeList(have, plan *fhir.Node) *fhir.Node {
	named := map[string]bool{}
	out := fhir.NewArray()
	for _, item := range plan.Items() {
		named[typeDescriptor(item)] = true
		out.Append(item)
	}
	for _, item := range have.Items() {
		if !named[typeDescriptor(item)] {
			out.Append(item)
		}
	}
	return out
}

func typeDescriptor(item *fhir.Node) string {
	for name, value := range item.Members() {
		if strings.HasSuffix(name, "TypeDescriptor") {
			return value.Text()
		}
	}
	return ""
}

// withoutNulls drops null members, which Ed-Fi writes for absent values and FHIR forbids.
// What is not JSON comes back as it is, for the parser to refuse.
func withoutNulls(data []byte) []byte {
	var out bytes.Buffer
	d, e := jsontext.NewDecoder(bytes.NewReader(data)), jsontext.NewEncoder(&out)
	for d.PeekKind() > 0 {
		if kind, _ := d.StackIndex(d.StackDepth()); kind == '{' && d.PeekKind() == '"' && nextName(d) {
			name, err := d.ReadToken()
			if err != nil {
				return data
			}
			name = name.Clone()
			if d.PeekKind() == 'n' {
				_, _ = d.ReadToken()
				continue
			}
			if e.WriteToken(name) != nil {
				return data
			}
			continue
		}
		token, err := d.ReadToken()
		if err != nil || e.WriteToken(token) != nil {
			return data
		}
	}
	return out.Bytes()
}

// nextName reports whether the next string is a member name: names and values alternate.
func nextName(d *jsontext.Decoder) bool {
	_, length := d.StackIndex(d.StackDepth())
	return length%2 == 0
}
