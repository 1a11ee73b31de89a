package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decoder fills a struct from one YAML file and goes on after each problem, so that all
// are found at once. It remembers where every value stood, for the checks that follow.
// The tags of a field say the rest: yaml, required, enum, default, min.
type decoder struct {
	dir, file string
	env       Lookup
	problems  Problems
	at        map[string]token.Position // by path, "endpoints.mllp.listen"
}

func newDecoder(dir, file string, env Lookup) *decoder {
	return &decoder{dir: dir, file: file, env: env, at: map[string]token.Position{}}
}

func pointed(to any) reflect.Value { return reflect.ValueOf(to).Elem() }

// node is a type that reads its own YAML.
type node interface {
	decodeNode(d *decoder, path string, n ast.Node)
}

// decode parses text into the struct that out points to.
func (d *decoder) decode(text []byte, out any) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.syntax(err)
		return
	}
	v := pointed(out)
	switch {
	case len(file.Docs) > 1:
		d.report(position(file.Docs[1].Body), "only one YAML document may stand in a file")
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		d.structure("", nil, token.Position{}, v)
	default:
		d.value("", file.Docs[0].Body, v, "")
	}
}

func (d *decoder) report(at token.Position, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.file, Line: at.Line, Column: at.Column, Text: fmt.Sprintf(format, args...)})
}

func (d *decoder) syntax(err error) {
	problem := Problem{File: d.file, Text: "not readable as YAML"}
	if syntax, ok := errors.AsType[yaml.Error](err); ok {
		problem.Text = "not readable as YAML: " + syntax.GetMessage()
		if t := syntax.GetToken(); t != nil && t.Position != nil {
			problem.Line, problem.Column = t.Position.Line, t.Position.Column
		}
	}
	d.problems = append(d.problems, problem)
}

func position(n ast.Node) token.Position {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return token.Position{}
	}
	at := *n.GetToken().Position
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		at = *m.Values[0].Key.GetToken().Position
	}
	return at
}

// value decodes one node into a value of any of the kinds that configuration structs have.
func (d *decoder) value(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	if _, known := d.at[path]; !known {
		d.at[path] = position(n)
	}
	if own, ok := reflect.TypeAssert[node](v.Addr()); ok {
		own.decodeNode(d, path, n)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(path, n, v.Elem(), tag)
	case reflect.Struct:
		if fields, ok := d.mapping(n); ok {
			d.structure(path, fields, position(n), v)
		}
	case reflect.Slice:
		d.list(path, n, v, tag)
	case reflect.Map:
		d.table(path, n, v)
	default:
		d.scalar(n, v, tag)
	}
}

// mapping returns the entries of a mapping; null counts as an empty one.
func (d *decoder) mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.NullNode:
		return nil, true
	}
	d.report(position(n), "expected keys and values, found %s", found(n))
	return nil, false
}

func found(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, alias, merge or tag, which are not used here"
	default:
		return "a single value"
	}
}

// structure decodes the entries of a mapping into a struct, and checks that what is required is there.
func (d *decoder) structure(path string, entries []*ast.MappingValueNode, at token.Position, v reflect.Value) {
	fields, names := fieldsOf(v.Type())
	given := map[string]bool{}
	for _, entry := range entries {
		key := entry.Key.GetToken()
		i, known := fields[key.Value]
		if !known {
			d.report(*key.Position, "unknown key %q%s", key.Value, suggest(key.Value, names))
			continue
		}
		given[key.Value] = true
		field := v.Type().Field(i)
		d.at[join(path, key.Value)] = *key.Position
		before := len(d.problems)
		d.value(join(path, key.Value), entry.Value, v.Field(i), field.Tag)
		if field.Tag.Get("required") == "true" && len(d.problems) == before && empty(v.Field(i)) {
			d.report(*key.Position, "%s must not be empty", join(path, key.Value))
		}
	}
	for _, name := range names {
		if !given[name] {
			d.absent(join(path, name), at, v.Field(fields[name]), v.Type().Field(fields[name]))
		}
	}
}

func empty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

// absent gives a field its default, or reports that it is required.
func (d *decoder) absent(path string, at token.Position, v reflect.Value, field reflect.StructField) {
	text, defaulted := field.Tag.Lookup("default")
	switch {
	case defaulted:
		_ = setScalar(v, text) // a test holds that every default is one
	case field.Tag.Get("required") == "true":
		d.report(at, "%s is missing", path)
	case v.Kind() == reflect.Struct:
		if _, own := reflect.TypeAssert[node](v.Addr()); !own {
			d.structure(path, nil, at, v)
		}
	}
}

// fieldsOf returns the YAML keys of a struct: where each stands, and their names in order.
func fieldsOf(t reflect.Type) (index map[string]int, names []string) {
	index = map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			index[name] = i
			names = append(names, name)
		}
	}
	return index, names
}

func (d *decoder) list(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	sequence, ok := n.(*ast.SequenceNode)
	if _, null := n.(*ast.NullNode); null {
		return
	}
	if !ok {
		d.report(position(n), "expected a list, found %s: write [a, b] or one - line each", found(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(sequence.Values), len(sequence.Values)))
	for i, item := range sequence.Values {
		d.value(path+"["+strconv.Itoa(i)+"]", item, v.Index(i), tag)
	}
}

func (d *decoder) table(path string, n ast.Node, v reflect.Value) {
	entries, ok := d.mapping(n)
	if !ok {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, entry := range entries {
		key := entry.Key.GetToken()
		item := reflect.New(v.Type().Elem()).Elem()
		d.at[join(path, key.Value)] = *key.Position
		d.value(join(path, key.Value), entry.Value, item, "")
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), item)
	}
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, tag reflect.StructTag) {
	text, ok := scalarText(n)
	if !ok {
		d.report(position(n), "expected %s, found %s", kindWord(v.Type()), found(n))
		return
	}
	if v.Type() != secretType {
		text = d.expand(n, text)
	}
	if err := setScalar(v, text); err != nil {
		d.report(position(n), "expected %s", kindWord(v.Type()))
		return
	}
	if allowed := tag.Get("enum"); allowed != "" && text != "" && !slices.Contains(strings.Split(allowed, ","), text) {
		d.report(position(n), "%q is not one of %s", text, strings.ReplaceAll(allowed, ",", ", "))
	}
	if lowest := tag.Get("min"); lowest != "" && below(v, lowest) {
		d.report(position(n), "must be at least %s", lowest)
	}
}

// expand replaces a value that is ${NAME} as a whole; a Secret stays a reference.
func (d *decoder) expand(n ast.Node, text string) string {
	name := environmentName.FindStringSubmatch(text)
	if name == nil {
		return text
	}
	value, set := d.env(name[1])
	if !set {
		d.report(position(n), "the environment variable %s is not set", name[1])
	}
	return value
}

// scalarText is the text of a scalar as it was written, so that 0123 and 1.0 stay text where text is wanted.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.NullNode:
		return "", true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
)

func setScalar(v reflect.Value, text string) error {
	switch {
	case v.Type() == durationType:
		span, err := time.ParseDuration(text)
		v.SetInt(int64(span))
		return err
	case v.Kind() == reflect.Bool:
		yes, err := strconv.ParseBool(text)
		v.SetBool(yes)
		return err
	case v.CanInt():
		number, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(number)
		return err
	default:
		v.SetString(text)
		return nil
	}
}

func below(v reflect.Value, lowest string) bool {
	least := reflect.New(v.Type()).Elem()
	return setScalar(least, lowest) == nil && v.Int() < least.Int()
}

func kindWord(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a time span such as 30s, 5m or 72h"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return "a whole number"
	default:
		return "text"
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// suggest names the known key that was probably meant.
func suggest(key string, names []string) string {
	for _, name := range names {
		if strings.EqualFold(name, key) || len(key) > 2 && (strings.HasPrefix(name, key) || strings.HasPrefix(key, name)) {
			return fmt.Sprintf("; did you mean %q?", name)
		}
	}
	return "; known here: " + strings.Join(names, ", ")
}
