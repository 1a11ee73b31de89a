package fhirrest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"caregate/adapters"
	"caregate/fhir"
)

// idSpace is the namespace of the ids that entries without one get (RFC 9562 version 5).
var idSpace = uuid.MustParse("6f0b6bf4-5a0e-5d0c-9a55-0c7ad1f6c1de")

// newID is the same for the same partner, message and entry, so a message sent again
// names the same resources.
func (d *decoding) newID(message string, index int) string {
	return uuid.NewSHA1(idSpace, []byte(d.partner+"\x00"+message+"\x00"+strconv.Itoa(index))).String()
}

// identify checks what each entry says it is, gives ids to those without, and turns
// references by fullUrl into "Type/id".
func (d *decoding) identify(bundle *fhir.Node, controlID string) {
	names := map[string]string{} // fullUrl -> Type/id
	seen := map[string]bool{}
	transaction := bundle.Get("type").Text() == "transaction"
	for i, entry := range bundle.Get("entry").Items() {
		at := fmt.Sprintf("Bundle.entry[%d]", i)
		if transaction && !d.request(at, entry) {
			continue
		}
		resource := entry.Get("resource")
		if !typePattern.MatchString(resource.ResourceType()) {
			d.refuse(adapters.CodeMissing, at+".resource", "the entry holds no resource")
			continue
		}
		if resource.Get("id") == nil {
			resource.Set("id", fhir.NewString(d.newID(controlID, i)))
		}
		if !idPattern.MatchString(resource.ID()) {
			d.refuse(adapters.CodeDataType, at+".resource.id", "is not an id: 1 to 64 letters, digits, '-' and '.'")
			continue
		}
		if seen[resource.Ref()] {
			d.refuse(adapters.CodeDuplicate, at+".resource.id", "another entry is the same resource")
		}
		seen[resource.Ref()] = true
		d.fullURL(at, entry, names)
	}
	for i, resource := range fhir.Entries(bundle) {
		r := rewriting{d: d, names: names, path: []string{fmt.Sprintf("Bundle.entry[%d].resource", i)}}
		r.object(resource)
	}
}

// request takes PUT Type/id and POST Type; it answers false for what carries no resource.
func (d *decoding) request(at string, entry *fhir.Node) bool {
	resource := entry.Get("resource")
	method, to := entry.At("request.method").Text(), entry.At("request.url").Text()
	for _, name := range []string{"ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince"} {
		if entry.Get("request").Get(name) != nil {
			d.refuse(adapters.CodeUnsupportedType, at+".request."+name, "conditional requests are not supported")
		}
	}
	switch {
	case method == "":
		d.refuse(adapters.CodeMissing, at+".request.method", "a transaction entry says what to do: PUT or POST")
	case method == http.MethodPut && resource.Kind() == fhir.Object && resource.ID() == "":
		d.refuse(adapters.CodeMissing, at+".resource.id", "must be the id of request.url")
	case method == http.MethodPut && to != resource.Ref():
		d.refuse(adapters.CodeBusinessRule, at+".request.url", "must be the type and id of the resource; conditional updates are not supported")
	case method == http.MethodPost && to != resource.ResourceType():
		d.refuse(adapters.CodeBusinessRule, at+".request.url", "must be the type of the resource")
	case method != http.MethodPut && method != http.MethodPost:
		d.refuse(adapters.CodeUnsupportedType, at+".request.method", "only PUT and POST are supported")
		return false
	}
	return true
}

// fullURL keeps the entry's name for references; an address must name the resource it stands on.
func (d *decoding) fullURL(at string, entry *fhir.Node, names map[string]string) {
	full, ref := entry.Get("fullUrl").Text(), entry.Get("resource").Ref()
	if full == "" {
		return
	}
	if names[full] != "" {
		d.refuse(adapters.CodeDuplicate, at+".fullUrl", "another entry has the same fullUrl")
	}
	if strings.HasPrefix(full, "http") && !strings.HasSuffix(full, "/"+ref) && entry.At("request.method").Text() != http.MethodPost {
		d.refuse(adapters.CodeBusinessRule, at+".fullUrl", "names another resource than the entry holds")
	}
	names[full] = ref
}

// rewriting walks one resource and replaces references by fullUrl.
type rewriting struct {
	d     *decoding
	names map[string]string
	path  []string
}

func (r *rewriting) object(n *fhir.Node) {
	for name, child := range n.Members() {
		r.path = append(r.path, "."+name)
		switch child.Kind() {
		case fhir.Object:
			r.object(child)
		case fhir.Array:
			r.array(child)
		case fhir.String:
			r.text(n, name, child.Text())
		}
		r.path = r.path[:len(r.path)-1]
	}
}

func (r *rewriting) array(n *fhir.Node) {
	for i, item := range n.Items() {
		r.path = append(r.path, "["+strconv.Itoa(i)+"]")
		switch item.Kind() {
		case fhir.Object:
			r.object(item)
		case fhir.Array:
			r.array(item)
		}
		r.path = r.path[:len(r.path)-1]
	}
}

func (r *rewriting) text(parent *fhir.Node, name, value string) {
	local := strings.HasPrefix(value, "urn:uuid:") || strings.HasPrefix(value, "urn:oid:")
	switch name {
	case "reference":
	case "url", "valueUri", "valueUrl":
		if !local {
			return // an address of a document is not a reference to an entry
		}
	default:
		return
	}
	if ref, ok := r.names[value]; ok {
		parent.Set(name, fhir.NewString(ref))
		return
	}
	if name == "reference" && local {
		r.d.refuse(adapters.CodeBusinessRule, strings.Join(r.path, ""), "leads to no entry of this Bundle")
	}
}
