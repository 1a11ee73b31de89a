package translate

import (
	"strings"

	"caregate/fhir"
)

// Extensions is the base of the canonical URLs of the extensions that carry v2 content.
const Extensions = "https://caregate.invalid/fhir/StructureDefinition/"

// carrierURL names the carrier of one field, "…/v2-PID-18".
func carrierURL(location string) string { return carrierBase + location }

const carrierBase = Extensions + "v2-"

// carry puts a raw field beside the element and tells whether there was a place for it.
func (p place) carry(location, raw string) bool {
	home := p.extensionsOf(true)
	if home == nil {
		return false
	}
	addCarrier(home, location, raw)
	return true
}

func addCarrier(home *fhir.Node, location, raw string) {
	if home == nil {
		return // nothing was made of the message; the leaf is an issue
	}
	home.Add("extension", fhir.NewObject().SetText("url", carrierURL(location)).SetText("valueString", carrierText(raw)))
}

// carried returns the raw field that stands beside the element.
func (p place) carried(location string) (string, bool) {
	return carrierOf(p.extensionsOf(false), location)
}

func carrierOf(home *fhir.Node, location string) (string, bool) {
	for _, ext := range home.Get("extension").Items() {
		if at, ok := strings.CutPrefix(ext.Get("url").Text(), carrierBase); ok && at == location {
			return safeRaw(ext.Get("valueString").Text()), true
		}
	}
	return "", false
}

// carriers returns what a resource carries, by segment and field. It is read once: a
// resource may carry thousands of notes.
func (j *job) carriers(home *fhir.Node) map[string]map[int]string {
	if have, ok := j.index[home]; ok {
		return have
	}
	fields := map[string]map[int]string{}
	for _, ext := range home.Get("extension").Items() {
		if location, ok := strings.CutPrefix(ext.Get("url").Text(), carrierBase); ok {
			noteCarrier(fields, location, safeRaw(ext.Get("valueString").Text()))
		}
	}
	if j.index == nil {
		j.index = map[*fhir.Node]map[string]map[int]string{}
	}
	j.index[home] = fields
	return fields
}

// noteCarrier enters the field at "NTE(3)-2"; the first of two wins.
func noteCarrier(fields map[string]map[int]string, location, raw string) {
	segment, digits, ok := strings.Cut(location, "-")
	if !ok || len(digits) > 3 || !integerForm.MatchString(digits) || digits[0] == '-' {
		return
	}
	if fields[segment] == nil {
		fields[segment] = map[int]string{}
	}
	if _, twice := fields[segment][atoi(digits)]; !twice {
		fields[segment][atoi(digits)] = raw
	}
}

// carryAt puts a field on a resource, or on an element without one of its own.
func (j *job) carryAt(home *fhir.Node, location, raw string) {
	fields := j.carriers(home)
	addCarrier(home, location, raw)
	noteCarrier(fields, location, raw)
}

// foreign tells whether the element carries another field of the same segment, and so is not ours.
func (p place) foreign(segment, location string) bool {
	for _, ext := range p.extensionsOf(false).Get("extension").Items() {
		at, ok := strings.CutPrefix(ext.Get("url").Text(), carrierBase)
		if rest, same := strings.CutPrefix(at, segment); ok && same && strings.HasPrefix(rest, "-") && at != location {
			return true
		}
	}
	return false
}

// bare returns the element without carriers and mark, nil where nothing is left: a copy
// where there was something to leave out. Nobody changes it.
func (p place) bare() *fhir.Node { return unmarked(stripped(p.node)) }

// unmarked is an element without its mark.
func unmarked(n *fhir.Node) *fhir.Node {
	if n.Kind() != fhir.Object || n.ResourceType() != "" || marksOf(n.ID()) == nil {
		return n
	}
	out := fhir.NewObject()
	for name, child := range n.Members() {
		if name != "id" {
			out.Set(name, child)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}

func stripped(n *fhir.Node) *fhir.Node {
	if !strippable(n) {
		return n
	}
	switch n.Kind() {
	case fhir.Array:
		out := fhir.NewArray()
		for _, item := range n.Items() {
			out.Append(stripped(item))
		}
		return out
	case fhir.Object:
		return strippedObject(n)
	}
	return n
}

// strippable tells whether there is a carrier, or something empty, in the element.
func strippable(n *fhir.Node) bool {
	for _, item := range n.Items() {
		if strippable(item) {
			return true
		}
	}
	for name, child := range n.Members() {
		if strippable(child) || (child.Kind() == fhir.Array && child.Len() == 0) {
			return true
		}
		for _, ext := range child.Items() {
			if name == "extension" && isCarrier(ext) {
				return true
			}
		}
	}
	return n.Kind() == fhir.Object && n.Len() == 0
}

// isCarrier tells whether an extension carries a field.
func isCarrier(ext *fhir.Node) bool { return strings.HasPrefix(ext.Get("url").Text(), carrierBase) }

func strippedObject(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	for name, child := range n.Members() {
		clean := stripped(child)
		if name == "extension" {
			clean = clean.Clone()
			clean.KeepItems(func(ext *fhir.Node) bool { return !isCarrier(ext) })
		}
		if clean != nil && (clean.Kind() < fhir.Array || clean.Len() > 0) {
			out.Set(name, clean)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}
