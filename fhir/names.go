package fhir

import (
	"net/url"
	"strings"
)

// nameSet holds every way to name the resources that go.
type nameSet struct {
	exact       map[string]bool // "Type/id", fullUrl, canonical URL
	ids         map[string]bool // logical ids that are long enough to be told apart
	identifiers map[string]bool // "system|value" of no other resource
}

// namesOf collects the names of the resources that go from the document itself.
func namesOf(document *Node, gone map[string]string) *nameSet {
	s := &nameSet{exact: map[string]bool{}, ids: map[string]bool{}, identifiers: map[string]bool{}}
	for key := range gone {
		s.add(key)
	}
	others := map[string]bool{}
	each(document, func(res *Node, fullURL string) {
		_, byRef := gone[res.Ref()]
		_, byURL := gone[fullURL]
		if !byRef && !byURL {
			identifiersOf(res, others)
			return
		}
		s.add(res.Ref())
		s.add(fullURL)
		s.add(res.Get("url").Text())
		if len(res.ID()) >= minSecret {
			s.ids[res.ID()] = true
		}
		identifiersOf(res, s.identifiers)
	})
	for id := range others {
		delete(s.identifiers, id)
	}
	return s
}

// each visits a resource and, in a Bundle or Parameters, those inside it.
func each(n *Node, visit func(res *Node, fullURL string)) {
	switch n.ResourceType() {
	case "Bundle":
		for _, entry := range n.Get("entry").Items() {
			if res := entry.Get("resource"); res != nil {
				visit(res, entry.Get("fullUrl").Text())
				each(res, visit)
			}
		}
	case "Parameters":
		for _, parameter := range n.Get("parameter").Items() {
			if res := parameter.Get("resource"); res != nil {
				visit(res, "")
				each(res, visit)
			}
		}
	}
}

func identifiersOf(res *Node, into map[string]bool) {
	list := res.Get("identifier")
	if list.Kind() == Object {
		list = NewArray(list)
	}
	for _, id := range list.Items() {
		if key := identifierKey(id); key != "" {
			into[key] = true
		}
	}
}

func identifierKey(id *Node) string {
	value := id.Get("value").Text()
	if value == "" {
		return ""
	}
	return id.Get("system").Text() + "|" + value
}

func (s *nameSet) add(name string) {
	if name != "" {
		s.exact[name] = true
	}
}

// in reports whether a text or URL holds one of the names whole: "Task/1" is not in "Task/1-2".
func (s *nameSet) in(text string) bool { return anyIn(s.exact, text) }

func anyIn(names map[string]bool, text string) bool {
	for name := range names {
		for rest := text; ; {
			before, after, found := strings.Cut(rest, name)
			if !found {
				break
			}
			if !endsInID(before) && !startsInID(after) {
				return true
			}
			rest = after
		}
	}
	return false
}

func isID(b byte) bool {
	return b == '-' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

func endsInID(s string) bool { return s != "" && isID(s[len(s)-1]) }

// startsInID takes a full stop for a part of the id only when more follows.
func startsInID(s string) bool {
	s = strings.TrimLeft(s, ".")
	return s != "" && isID(s[0])
}

// has reports whether a reference or URL names a resource that goes, whatever its base or version.
func (s *nameSet) has(reference string) bool {
	if s.exact[reference] {
		return true
	}
	plain, _, _ := strings.Cut(reference, "|") // canonical with version
	plain, _, _ = strings.Cut(plain, "/_history/")
	if s.exact[plain] {
		return true
	}
	if _, query, conditional := strings.Cut(reference, "?"); conditional {
		values, err := url.ParseQuery(query)
		return err == nil && s.identifiers[values.Get("identifier")]
	}
	resourceType, id := ReferenceTarget(reference)
	return id != "" && s.exact[resourceType+"/"+id]
}

// points reports whether a Reference leads to a resource that goes, literally or by its identifier.
func (s *nameSet) points(n *Node) bool {
	if ref := n.Get("reference"); ref.Kind() == String && s.has(ref.text) {
		return true
	}
	id := n.Get("identifier")
	return id.Kind() == Object && s.identifiers[identifierKey(id)]
}
