package fhir

import (
	"reflect"
	"strings"
	"sync"
)

// shape says how a field's Go type is written in JSON.
type shape uint8

const (
	shapeString shape = iota
	shapeDecimal
	shapeBool
	shapeInt
	shapeNode
	shapeStruct
)

// field is how the codec reads and writes one field of a struct.
type field struct {
	name    string // JSON member
	index   int
	many    bool // slice
	pointer bool // of the field, or of the slice's items
	shape   shape
	typ     reflect.Type // below slice and pointer
	plan    *plan        // of a struct
}

// plan is how the codec reads and writes one struct of the model.
type plan struct {
	name     string
	resource bool
	fields   []field
	byName   map[string]int
}

// plans is worked out once from the generated structs and read-only after that.
var plans = sync.OnceValue(func() map[reflect.Type]*plan {
	all := map[reflect.Type]*plan{}
	for name := range strings.FieldsSeq(resourceTypes) {
		if r := newResource(name); r != nil {
			planOf(reflect.TypeOf(r).Elem(), all).resource = true
		}
	}
	return all
})

func planOf(t reflect.Type, all map[reflect.Type]*plan) *plan {
	if p, ok := all[t]; ok {
		return p
	}
	p := &plan{name: t.Name(), byName: map[string]int{}}
	all[t] = p // before the fields: structs refer to themselves
	for i := range t.NumField() {
		sf := t.Field(i)
		name, ok := sf.Tag.Lookup("fhir")
		if !ok {
			continue
		}
		f := field{name: name, index: i, typ: sf.Type}
		if f.typ.Kind() == reflect.Slice {
			f.many, f.typ = true, f.typ.Elem()
		}
		f.setShape(all)
		p.byName[name] = len(p.fields)
		p.fields = append(p.fields, f)
	}
	return p
}

func (f *field) setShape(all map[reflect.Type]*plan) {
	if f.typ == reflect.TypeFor[*Node]() {
		f.shape = shapeNode
		return
	}
	if f.typ.Kind() == reflect.Pointer {
		f.pointer, f.typ = true, f.typ.Elem()
	}
	switch f.typ.Kind() {
	case reflect.Bool:
		f.shape = shapeBool
	case reflect.Int:
		f.shape = shapeInt
	case reflect.Struct:
		f.shape, f.plan = shapeStruct, planOf(f.typ, all)
	default:
		if f.typ == reflect.TypeFor[Decimal]() {
			f.shape = shapeDecimal
		}
	}
}
