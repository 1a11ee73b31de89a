// Package fhirpath evaluates the subset of FHIRPath 2.0 that R4 search parameters
// and tests need, on lossless FHIR nodes.
package fhirpath

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"caregate/fhir"
)

// item is one value of a collection.
type item struct {
	node      *fhir.Node // nil where a primitive has only extensions
	companion *fhir.Node // the "_" member of a primitive
	typ       string     // FHIR datatype or backbone path, "" where unknown
}

// env is what a whole evaluation shares, and the focus of the innermost criterion.
type env struct {
	root  item
	this  item
	index int
}

var errMany = errors.New("fhirpath: one value is needed where there are several")

func boolean(b bool) item { return item{node: fhir.NewBool(b), typ: "boolean"} }

func integer(i int) item { return item{node: fhir.NewNumber(strconv.Itoa(i)), typ: "integer"} }

func numberType(text string) string {
	if strings.Contains(text, ".") {
		return "decimal"
	}
	return "integer"
}

func literal(it item) step {
	return func(*env, []item) ([]item, error) { return []item{it}, nil }
}

func same(_ *env, input []item) ([]item, error) { return input, nil }

func chain(left, right step) step {
	return func(env *env, input []item) ([]item, error) {
		mid, err := left(env, input)
		if err != nil {
			return nil, err
		}
		return right(env, mid)
	}
}

func indexed(run, index step) step {
	return func(env *env, input []item) ([]item, error) {
		list, err := run(env, input)
		if err != nil {
			return nil, err
		}
		at, err := index(env, []item{env.this})
		if err != nil || len(at) != 1 {
			return nil, err
		}
		i, err := strconv.Atoi(at[0].node.Text())
		if err != nil {
			return nil, fmt.Errorf("fhirpath: index is not a whole number")
		}
		if i < 0 || i >= len(list) {
			return nil, nil
		}
		return list[i : i+1], nil
	}
}

// child steps to an element of every item; "value" finds valueQuantity and its like.
func child(name string) step {
	return func(_ *env, input []item) ([]item, error) {
		var out []item
		for _, it := range input {
			out = appendChild(out, it, name)
		}
		return out, nil
	}
}

func appendChild(out []item, it item, name string) []item {
	parent := it.node
	if parent.Kind() != fhir.Object { // a primitive has id and extension beside it
		parent = it.companion
	}
	if parent == nil {
		return out
	}
	if parent.Get(name) != nil || parent.Get("_"+name) != nil {
		return appendValues(out, parent.Get(name), parent.Get("_"+name), fhir.TypeOf(it.typ, name))
	}
	for member := range parent.Members() {
		base := strings.TrimPrefix(member, "_")
		if typ, ok := choice(it.typ, name, base); ok && (member == base || parent.Get(base) == nil) {
			out = appendValues(out, parent.Get(base), parent.Get("_"+base), typ)
		}
	}
	return out
}

// choice reports whether a member such as valueQuantity is the choice element of that name.
func choice(structure, name, member string) (typ string, ok bool) {
	suffix, found := strings.CutPrefix(member, name)
	if !found || suffix == "" || suffix[0] < 'A' || suffix[0] > 'Z' {
		return "", false
	}
	typ = fhir.TypeOf(structure, member)
	if fhir.TypeOf("Extension", "value"+suffix) == "" {
		return "", false // no datatype: statusReason is not a choice of status
	}
	if typ == "" { // outside the model
		typ = fhir.TypeOf("Extension", "value"+suffix)
	}
	return typ, strings.EqualFold(typ, suffix)
}

func appendValues(out []item, value, companion *fhir.Node, typ string) []item {
	if value.Kind() != fhir.Array && companion.Kind() != fhir.Array {
		return append(out, newItem(value, companion, typ))
	}
	for i := range max(value.Len(), companion.Len()) {
		if it := newItem(value.Item(i), companion.Item(i), typ); it.node != nil || it.companion != nil {
			out = append(out, it)
		}
	}
	return out
}

func newItem(value, companion *fhir.Node, typ string) item {
	if value.Kind() == fhir.Null {
		value = nil
	}
	if companion.Kind() == fhir.Null {
		companion = nil
	}
	if name := value.ResourceType(); name != "" {
		typ = name
	}
	return item{node: value, companion: companion, typ: typ}
}

// truth reads a collection as a criterion.
func truth(list []item) (bool, error) {
	switch {
	case len(list) == 0:
		return false, nil
	case len(list) > 1:
		return false, errMany
	case list[0].node.Kind() == fhir.Bool:
		return list[0].node.Text() == "true", nil
	}
	return true, nil
}
