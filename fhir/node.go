// Package fhir holds lossless FHIR R4 resources: one strict parse, a generated
// model, validation, security labels and redaction. A Node is the carrier that
// storage, policy and partners share; typed structs are for reading and building.
package fhir

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Kind is the JSON type of a Node.
type Kind uint8

// The JSON types, as RFC 8259 names them.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Node is one JSON value that keeps everything the sender wrote: member order,
// unknown members, primitive extensions and the text of every number.
// A nil *Node stands for an absent value; every reading method accepts it.
type Node struct {
	kind    Kind
	text    string // string value, number text, or "true"/"false"
	names   []string
	members []*Node // object values (parallel to names) or array items
}

// NewString returns a JSON string.
func NewString(s string) *Node { return &Node{kind: String, text: s} }

// NewNumber returns a JSON number that is written exactly as text, so that 1.10 stays 1.10.
func NewNumber(text string) *Node { return &Node{kind: Number, text: text} }

// NewBool returns a JSON boolean.
func NewBool(b bool) *Node { return &Node{kind: Bool, text: strconv.FormatBool(b)} }

// NewArray returns a JSON array of the items.
func NewArray(items ...*Node) *Node {
	if len(items) > 0 {
		return &Node{kind: Array, members: items}
	}
	room := &struct {
		Node
		items [1]*Node
	}{Node: Node{kind: Array}} // most lists of a resource have one item
	room.members = room.items[:0]
	return &room.Node
}

// NewObject returns an empty JSON object.
func NewObject() *Node {
	room := &struct {
		Node
		names   [4]string
		members [4]*Node
	}{Node: Node{kind: Object}} // most elements have no more than four members: one allocation
	room.Node.names, room.Node.members = room.names[:0], room.members[:0]
	return &room.Node
}

// NewResource returns an object whose first member is the resourceType.
func NewResource(resourceType string) *Node {
	n := &Node{kind: Object, names: make([]string, 0, 12), members: make([]*Node, 0, 12)} // few have more
	return n.Set("resourceType", NewString(resourceType))
}

// Lead moves the members of these names to the front, in this order, and returns the object.
func (n *Node) Lead(names ...string) *Node {
	front := 0
	for _, name := range names {
		at := slices.Index(n.names, name)
		if at < front {
			continue
		}
		member := n.members[at]
		copy(n.names[front+1:at+1], n.names[front:at])
		copy(n.members[front+1:at+1], n.members[front:at])
		n.names[front], n.members[front] = name, member
		front++
	}
	return n
}

// Kind returns the JSON type; an absent node is Null.
func (n *Node) Kind() Kind {
	if n == nil {
		return Null
	}
	return n.kind
}

// Text returns the string, the number's text, or "true"/"false"; "" for anything else.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	return n.text
}

// Len returns the number of array items or object members.
func (n *Node) Len() int {
	if n == nil {
		return 0
	}
	return len(n.members)
}

// Get returns the named member of an object, nil where there is none.
func (n *Node) Get(name string) *Node {
	if n == nil || n.kind != Object {
		return nil
	}
	for i, have := range n.names {
		if have == name {
			return n.members[i]
		}
	}
	return nil
}

// Item returns the i-th item of an array, nil where there is none.
func (n *Node) Item(i int) *Node {
	if n == nil || n.kind != Array || i < 0 || i >= len(n.members) {
		return nil
	}
	return n.members[i]
}

// Items yields the items of an array; an absent node yields nothing.
func (n *Node) Items() iter.Seq2[int, *Node] {
	return func(yield func(int, *Node) bool) {
		if n == nil || n.kind != Array {
			return
		}
		for i, item := range n.members {
			if !yield(i, item) {
				return
			}
		}
	}
}

// Members yields the members of an object in the order in which they were written.
func (n *Node) Members() iter.Seq2[string, *Node] {
	return func(yield func(string, *Node) bool) {
		if n == nil || n.kind != Object {
			return
		}
		for i, name := range n.names {
			if !yield(name, n.members[i]) {
				return
			}
		}
	}
}

// Set replaces or appends a member of an object and returns the object; a nil value removes it.
func (n *Node) Set(name string, value *Node) *Node {
	if value == nil {
		n.Remove(name)
		return n
	}
	for i, have := range n.names {
		if have == name {
			n.members[i] = value
			return n
		}
	}
	n.names = append(n.names, name)
	n.members = append(n.members, value)
	return n
}

// SetText sets a string member unless the value is empty or only white space: FHIR has no such
// strings (R4 2.6.2).
func (n *Node) SetText(name, value string) *Node {
	if strings.TrimSpace(value) == "" {
		return n
	}
	return n.Set(name, NewString(value))
}

// Remove drops the named member of an object.
func (n *Node) Remove(name string) {
	for i, have := range n.names {
		if have == name {
			n.names = append(n.names[:i:i], n.names[i+1:]...)
			n.members = append(n.members[:i:i], n.members[i+1:]...)
			return
		}
	}
}

// Append adds an item to an array and returns the array.
func (n *Node) Append(item *Node) *Node {
	n.members = append(n.members, item)
	return n
}

// Add appends an item to the array member of that name, making it where there is none.
func (n *Node) Add(name string, item *Node) *Node {
	list := n.Get(name)
	if list == nil {
		list = NewArray()
		n.Set(name, list)
	}
	list.Append(item)
	return n
}

// KeepItems drops the array items for which keep answers false.
func (n *Node) KeepItems(keep func(*Node) bool) {
	if n == nil || n.kind != Array {
		return
	}
	for i, item := range n.members {
		if keep(item) {
			continue
		}
		kept := slices.Clone(n.members[:i]) // somebody may be reading the old list
		for _, item := range n.members[i+1:] {
			if keep(item) {
				kept = append(kept, item)
			}
		}
		n.members = kept
		return
	}
}

// Clone returns a deep copy.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	var c copying
	c.count(n)
	return c.make().copy(n)
}

// copying is the room for one copy: made once for the whole document, since most of what a
// decision allocates would be single nodes.
type copying struct {
	total, named, held int
	nodes              []Node
	names              []string
	members            []*Node
}

func (c *copying) count(n *Node) {
	if n == nil {
		return
	}
	c.total++
	c.named += len(n.names)
	c.held += len(n.members)
	for _, m := range n.members {
		c.count(m)
	}
}

func (c *copying) make() *copying {
	c.nodes, c.names, c.members = make([]Node, 0, c.total), make([]string, 0, c.named), make([]*Node, 0, c.held)
	return c
}

// copy gives every list a capacity of its own length, so that what grows moves away from the others.
func (c *copying) copy(n *Node) *Node {
	if n == nil {
		return nil
	}
	c.nodes = append(c.nodes, Node{kind: n.kind, text: n.text})
	out := &c.nodes[len(c.nodes)-1]
	if n.names != nil {
		from := len(c.names)
		c.names = append(c.names, n.names...)
		out.names = slices.Clip(c.names[from:])
	}
	if n.members != nil {
		from := len(c.members)
		c.members = append(c.members, n.members...)
		out.members = slices.Clip(c.members[from:])
		for i, m := range n.members {
			out.members[i] = c.copy(m)
		}
	}
	return out
}

// At returns the node at a simple path such as "name[0].family"; nil where the path leads nowhere.
func (n *Node) At(path string) *Node {
	for path != "" && n != nil {
		var step string
		step, path, _ = strings.Cut(path, ".")
		name, rest, indexed := strings.Cut(step, "[")
		if name != "" {
			n = n.Get(name)
		}
		for indexed {
			var digits string
			digits, rest, _ = strings.Cut(rest, "]")
			i, err := strconv.Atoi(digits)
			if err != nil {
				return nil
			}
			n = n.Item(i)
			_, rest, indexed = strings.Cut(rest, "[")
		}
	}
	return n
}

// ResourceType returns the resourceType of a resource, "" for anything else.
func (n *Node) ResourceType() string { return n.Get("resourceType").Text() }

// ID returns the logical id of a resource or element.
func (n *Node) ID() string { return n.Get("id").Text() }

// Ref returns "Type/id" of a resource, "" where it has no id.
func (n *Node) Ref() string {
	if n.ResourceType() == "" || n.ID() == "" {
		return ""
	}
	return n.ResourceType() + "/" + n.ID()
}
