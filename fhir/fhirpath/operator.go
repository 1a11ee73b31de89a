package fhirpath

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"caregate/fhir"
)

func binary(op string, left, right step) step {
	return func(env *env, input []item) ([]item, error) {
		l, err := left(env, input)
		if err != nil {
			return nil, err
		}
		r, err := right(env, input)
		if err != nil {
			return nil, err
		}
		switch op {
		case "and", "or", "xor", "implies":
			return logic(op, l, r)
		case "|":
			return distinct(append(slices.Clone(l), r...)), nil
		case "in":
			return member(l, r)
		case "contains":
			return member(r, l)
		case "=", "!=", "~", "!~":
			return equality(op, l, r), nil
		}
		return order(op, l, r)
	}
}

// logic is three-valued: an empty collection is unknown.
func logic(op string, l, r []item) ([]item, error) {
	a, err := truth(l)
	if err != nil {
		return nil, err
	}
	b, err := truth(r)
	if err != nil {
		return nil, err
	}
	knownA, knownB := len(l) > 0, len(r) > 0
	if op == "implies" {
		op, a = "or", knownA && !a
	}
	switch {
	case op == "and" && (knownA && !a || knownB && !b):
		return []item{boolean(false)}, nil
	case op == "or" && (a || b):
		return []item{boolean(true)}, nil
	case !knownA || !knownB:
		return nil, nil
	case op == "and":
		return []item{boolean(true)}, nil
	case op == "xor":
		return []item{boolean(a != b)}, nil
	}
	return []item{boolean(false)}, nil
}

func member(one, list []item) ([]item, error) {
	if len(one) == 0 {
		return nil, nil
	}
	if len(one) > 1 {
		return nil, errMany
	}
	return []item{boolean(slices.ContainsFunc(list, func(it item) bool { return equal(one[0], it) }))}, nil
}

func equality(op string, l, r []item) []item {
	if len(l) == 0 || len(r) == 0 {
		if op == "~" || op == "!~" {
			return []item{boolean((len(l) == len(r)) == (op == "~"))}
		}
		return nil
	}
	compare := equal
	if op == "~" || op == "!~" {
		compare = func(a, b item) bool {
			return equal(a, b) || strings.EqualFold(a.node.Text(), b.node.Text()) && a.node.Kind() == fhir.String && b.node.Kind() == fhir.String
		}
	}
	return []item{boolean(slices.EqualFunc(l, r, compare) == (op == "=" || op == "~"))}
}

func equal(a, b item) bool {
	x, y := a.node, b.node
	if x.Kind() != y.Kind() {
		return false
	}
	switch x.Kind() {
	case fhir.Number:
		p, okP := new(big.Rat).SetString(bounded(x.Text()))
		q, okQ := new(big.Rat).SetString(bounded(y.Text()))
		return okP && okQ && p.Cmp(q) == 0
	case fhir.Array, fhir.Object:
		return sameNode(x, y)
	default:
	}
	if x.Text() == y.Text() {
		return true
	}
	p, okP := instant(x.Text())
	q, okQ := instant(y.Text())
	return okP && okQ && p.Equal(q)
}

// bounded keeps a huge exponent from becoming a huge number.
func bounded(text string) string {
	if len(text) > 40 || strings.ContainsAny(text, "eE") {
		return ""
	}
	return text
}

func instant(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02T15:04:05Z") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// sameNode compares two elements; the order of members does not matter.
func sameNode(x, y *fhir.Node) bool {
	if x.Kind() != y.Kind() || x.Len() != y.Len() {
		return false
	}
	switch x.Kind() {
	case fhir.Object:
		for name, value := range x.Members() {
			if other := y.Get(name); other == nil || !sameNode(value, other) {
				return false
			}
		}
		return true
	case fhir.Array:
		for i, value := range x.Items() {
			if !sameNode(value, y.Item(i)) {
				return false
			}
		}
		return true
	default:
		return equal(item{node: x}, item{node: y})
	}
}

func order(op string, l, r []item) ([]item, error) {
	if len(l) == 0 || len(r) == 0 {
		return nil, nil
	}
	if len(l) > 1 || len(r) > 1 {
		return nil, errMany
	}
	c, ok := compare(l[0].node, r[0].node)
	if !ok {
		return nil, nil
	}
	return []item{boolean(map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[op])}, nil
}

func compare(x, y *fhir.Node) (int, bool) {
	if x.Kind() != y.Kind() {
		return 0, false
	}
	switch x.Kind() {
	case fhir.Number:
		p, okP := new(big.Rat).SetString(bounded(x.Text()))
		q, okQ := new(big.Rat).SetString(bounded(y.Text()))
		if !okP || !okQ {
			return 0, false
		}
		return p.Cmp(q), true
	case fhir.String:
		p, okP := instant(x.Text())
		q, okQ := instant(y.Text())
		if okP && okQ {
			return p.Compare(q), true
		}
		return strings.Compare(x.Text(), y.Text()), true
	default:
		return 0, false
	}
}

func distinct(list []item) []item {
	var out []item
	for _, it := range list {
		if !slices.ContainsFunc(out, func(have item) bool { return equal(have, it) && have.companion == it.companion }) {
			out = append(out, it)
		}
	}
	return out
}

func typeOperator(op string, left step, typ string) step {
	return func(env *env, input []item) ([]item, error) {
		list, err := left(env, input)
		if err != nil {
			return nil, err
		}
		if op == "is" {
			if len(list) != 1 {
				return nil, nil
			}
			return []item{boolean(isType(list[0], typ))}, nil
		}
		var out []item // "as" is used on lists by search parameters: it filters like ofType
		for _, it := range list {
			if isType(it, typ) {
				out = append(out, it)
			}
		}
		return out, nil
	}
}

// parents holds the specializations of R4 datatypes.
var parents = map[string]string{
	"code": "string", "id": "string", "markdown": "string", "url": "uri", "canonical": "uri", "uuid": "uri", "oid": "uri",
	"positiveInt": "integer", "unsignedInt": "integer",
	"Age": "Quantity", "Count": "Quantity", "Distance": "Quantity", "Duration": "Quantity", "SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity",
}

// systemTypes maps the types of the FHIRPath system namespace to FHIR.
var systemTypes = map[string]string{
	"String": "string", "Boolean": "boolean", "Integer": "integer", "Decimal": "decimal", "Date": "date", "DateTime": "dateTime", "Time": "time",
}

func isType(it item, typ string) bool {
	if fhir.IsResourceType(it.typ) && (typ == "Resource" || typ == "DomainResource" && it.typ != "Bundle" && it.typ != "Binary" && it.typ != "Parameters") {
		return true
	}
	if system, ok := systemTypes[typ]; ok {
		typ = system
	}
	if it.typ == "" { // outside the model only the JSON type is known
		switch it.node.Kind() {
		case fhir.Bool:
			return typ == "boolean"
		case fhir.Number:
			return typ == numberType(it.node.Text())
		case fhir.String:
			return typ == "string"
		default:
			return false
		}
	}
	return it.typ == typ || parents[it.typ] == typ
}
