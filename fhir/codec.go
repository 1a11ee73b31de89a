package fhir

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// Decimal is a FHIR decimal as text, so that 1.10 stays 1.10 (R4 2.24.0.1: precision has meaning).
type Decimal string

// ErrType reports a Go type or resource type that the model has no struct for.
var ErrType = errors.New("type is not in the model")

// kept is embedded in every struct of the model. It remembers of the object that was read what
// the fields do not say: the order of the members, and every member that no field can hold.
// It is empty where the order was that of the definition.
type kept struct{ members []keptMember }

// memory is promoted to the structs, by which the codec reaches the unexported field.
func (k *kept) memory() *kept { return k }

type keptMember struct {
	name string
	node *Node // nil where a field holds the member
}

// Decode reads a node into a struct of the model, for example Decode[Patient](n).
// It is lossless: what no field can hold (unknown members, wrong JSON types) is kept and
// written again by Encode, and nodes inside the struct are shared with n. It does not
// validate; only another resourceType is refused.
func Decode[T any](n *Node) (T, error) {
	var out T
	v := reflect.ValueOf(&out).Elem()
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	return out, decodeInto(n, v)
}

// DecodeResource reads a resource into a pointer to its struct, for example *Patient.
// A resource type outside the model answers ErrType: use the node itself.
func DecodeResource(n *Node) (any, error) {
	out := newResource(n.ResourceType())
	if out == nil {
		return nil, fmt.Errorf("decode resource: %w", ErrType)
	}
	return out, decodeInto(n, reflect.ValueOf(out).Elem())
}

func decodeInto(n *Node, v reflect.Value) error {
	p, ok := plans()[v.Type()]
	if !ok {
		return fmt.Errorf("decode %s: %w", v.Type().Name(), ErrType)
	}
	if n.Kind() != Object {
		return fmt.Errorf("decode %s: not a JSON object", v.Type().Name())
	}
	if p.resource && n.ResourceType() != v.Type().Name() {
		return fmt.Errorf("decode %s: another resourceType", v.Type().Name())
	}
	p.decode(n, v)
	return nil
}

// Encode writes a struct of the model, or a pointer to one, as a node: members in the order
// in which they were read, then those that were added. A *Node is answered as it is.
func Encode(v any) (*Node, error) {
	if n, ok := v.(*Node); ok {
		return n, nil
	}
	rv := reflect.Indirect(reflect.ValueOf(v))
	if !rv.IsValid() {
		return nil, fmt.Errorf("encode: %w", ErrType)
	}
	p, ok := plans()[rv.Type()]
	if !ok {
		return nil, fmt.Errorf("encode %s: %w", rv.Type(), ErrType)
	}
	if !rv.CanAddr() {
		addressable := reflect.New(rv.Type()).Elem()
		addressable.Set(rv)
		rv = addressable
	}
	return p.encode(rv), nil
}

func (p *plan) decode(n *Node, v reflect.Value) {
	var order []keptMember // only where it is not that of the definition
	last := -1
	for i, name := range n.names {
		if p.resource && name == "resourceType" {
			if order == nil && i > 0 {
				order = plainOrder(n, i)
			}
			order = follow(order, keptMember{name: name})
			continue
		}
		at, ok := p.byName[name]
		held := ok && p.fields[at].set(v.Field(p.fields[at].index), n.members[i])
		if order == nil && (!held || at <= last) {
			order = plainOrder(n, i)
		}
		if held {
			last = at
			order = follow(order, keptMember{name: name})
		} else {
			order = append(order, keptMember{name: name, node: n.members[i]})
		}
	}
	if order != nil {
		memoryOf(v).members = order
	}
}

// plainOrder lists the members before the first that has to be remembered.
func plainOrder(n *Node, before int) []keptMember {
	order := make([]keptMember, before, len(n.names))
	for i := range before {
		order[i].name = n.names[i]
	}
	return order
}

// follow appends to an order that is being remembered.
func follow(order []keptMember, m keptMember) []keptMember {
	if order == nil {
		return nil
	}
	return append(order, m)
}

// set reports false when the field cannot hold the node without loss.
func (f *field) set(v reflect.Value, n *Node) bool {
	if !f.many {
		if f.pointer {
			target := reflect.New(f.typ)
			if !f.setOne(target.Elem(), n) {
				return false
			}
			v.Set(target)
			return true
		}
		return f.setOne(v, n) && (f.shape != shapeStruct || n.Len() > 0)
	}
	if n.Kind() != Array || n.Len() == 0 {
		return false
	}
	list := reflect.MakeSlice(v.Type(), n.Len(), n.Len())
	for i, item := range n.members {
		if item.Kind() == Null && f.holdsNull() {
			continue
		}
		target := list.Index(i)
		if f.pointer {
			target.Set(reflect.New(f.typ))
			target = target.Elem()
		}
		if !f.setOne(target, item) {
			return false
		}
	}
	v.Set(list)
	return true
}

// holdsNull reports the arrays of primitives and of their extensions, in which R4 2.6.2.3 allows null.
func (f *field) holdsNull() bool { return f.pointer || f.shape == shapeString }

func (f *field) setOne(v reflect.Value, n *Node) bool {
	switch f.shape {
	case shapeString:
		if n.Kind() != String || n.text == "" {
			return false
		}
		v.SetString(n.text)
	case shapeDecimal:
		if n.Kind() != Number {
			return false
		}
		v.SetString(n.text)
	case shapeBool:
		if n.Kind() != Bool {
			return false
		}
		v.SetBool(n.text == "true")
	case shapeInt:
		i, err := strconv.Atoi(n.Text())
		if n.Kind() != Number || err != nil || strconv.Itoa(i) != n.text {
			return false
		}
		v.SetInt(int64(i))
	case shapeNode:
		v.Set(reflect.ValueOf(n))
	case shapeStruct:
		if n.Kind() != Object {
			return false
		}
		f.plan.decode(n, v)
	}
	return true
}

// memoryOf needs an addressable struct.
func memoryOf(v reflect.Value) *kept {
	return v.Addr().Interface().(interface{ memory() *kept }).memory()
}

func (p *plan) encode(v reflect.Value) *Node {
	n := &Node{kind: Object, names: make([]string, 0, 8), members: make([]*Node, 0, 8)}
	order := memoryOf(v).members
	if p.resource && !remembers(order, "resourceType") {
		n.add("resourceType", NewString(p.name))
	}
	var written []bool
	if len(order) > 0 {
		written = make([]bool, len(p.fields))
	}
	for _, m := range order {
		if p.resource && m.name == "resourceType" {
			n.add(m.name, NewString(p.name))
			continue
		}
		i, ok := p.byName[m.name]
		if !ok {
			n.add(m.name, m.node)
			continue
		}
		value := p.fields[i].get(v)
		if value == nil {
			value = m.node // a field that was set since replaces what it could not hold
		}
		n.add(m.name, value)
		written[i] = true
	}
	for i := range p.fields {
		if written == nil || !written[i] {
			n.add(p.fields[i].name, p.fields[i].get(v))
		}
	}
	return n
}

func remembers(order []keptMember, name string) bool {
	for _, m := range order {
		if m.name == name {
			return true
		}
	}
	return false
}

// add appends a member that is known to be new; an absent value adds nothing.
func (n *Node) add(name string, value *Node) {
	if value != nil {
		n.names = append(n.names, name)
		n.members = append(n.members, value)
	}
}

// get answers with the node of a field, nil where the field is absent.
func (f *field) get(v reflect.Value) *Node {
	v = v.Field(f.index)
	if f.many {
		if v.Len() == 0 {
			return nil
		}
		list := &Node{kind: Array, members: make([]*Node, v.Len())}
		for i := range list.members {
			if list.members[i] = f.getOne(v.Index(i)); list.members[i] == nil {
				list.members[i] = &Node{kind: Null}
			}
		}
		return list
	}
	if !f.pointer && f.shape == shapeStruct && v.IsZero() {
		return nil
	}
	return f.getOne(v)
}

func (f *field) getOne(v reflect.Value) *Node {
	if f.pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch f.shape {
	case shapeString:
		if v.Len() == 0 {
			return nil
		}
		return NewString(v.String())
	case shapeDecimal:
		if v.Len() == 0 {
			return nil
		}
		return NewNumber(v.String())
	case shapeBool:
		return NewBool(v.Bool())
	case shapeInt:
		return NewNumber(strconv.FormatInt(v.Int(), 10))
	case shapeNode:
		return v.Interface().(*Node)
	default:
		return f.plan.encode(v)
	}
}
