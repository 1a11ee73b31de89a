package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// field is one key of a struct, with what is below it.
type field struct {
	name, comment    string
	folder           string // where its struct stands
	kind             string // "text", "number", "yes or no", "time span", "time", "secret", "object", "list", "map"
	below            []field
	item             *field // of a list or map
	enum             []string
	byDefault, least string
	required         bool
}

// source reads struct types of the module.
type source struct {
	root     string
	packages map[string]map[string]*ast.TypeSpec // by folder, then by name
	imports  map[string]map[string]string        // by folder: package name -> folder
}

func newSource(root string) *source {
	return &source{root: root, packages: map[string]map[string]*ast.TypeSpec{}, imports: map[string]map[string]string{}}
}

const module = "caregate/"

// load parses the files of a folder.
func (s *source) load(folder string) error {
	if s.packages[folder] != nil {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(s.root, folder, "*.go"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, fs.ErrNotExist)
	}
	s.packages[folder], s.imports[folder] = map[string]*ast.TypeSpec{}, map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if inside, ok := strings.CutPrefix(path, module); ok {
				s.imports[folder][filepath.Base(inside)] = inside
			}
		}
		for _, decl := range file.Decls {
			if group, ok := decl.(*ast.GenDecl); ok {
				for _, spec := range group.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok {
						s.packages[folder][t.Name.Name] = t
					}
				}
			}
		}
	}
	return nil
}

// fields returns the keys of a struct in their order; embedded structs stand in place.
func (s *source) fields(folder, name, tag string) ([]field, error) {
	if err := s.load(folder); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	spec := s.packages[folder][name]
	if spec == nil {
		return nil, fmt.Errorf("%s has no type %s", folder, name)
	}
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil, fmt.Errorf("%s.%s is not a struct", folder, name)
	}
	var all []field
	for _, f := range structure.Fields.List {
		some, err := s.field(folder, tag, f)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (s *source) field(folder, tag string, f *ast.Field) ([]field, error) {
	if len(f.Names) == 0 { // embedded
		selector, ok := f.Type.(*ast.SelectorExpr)
		if !ok {
			return nil, nil
		}
		return s.fields(s.imports[folder][selector.X.(*ast.Ident).Name], selector.Sel.Name, tag)
	}
	var tags reflect.StructTag
	if f.Tag != nil {
		text, _ := strconv.Unquote(f.Tag.Value)
		tags = reflect.StructTag(text)
	}
	key, _, _ := strings.Cut(tags.Get(tag), ",")
	if key == "-" || !f.Names[0].IsExported() || key == "" && tag == "yaml" {
		return nil, nil
	}
	if key == "" {
		key = f.Names[0].Name
	}
	out, err := s.kind(folder, tag, f.Type)
	if err != nil {
		return nil, err
	}
	out.name, out.comment, out.folder = key, comment(f), folder
	out.byDefault, out.least, out.required = tags.Get("default"), tags.Get("min"), tags.Get("required") == "true"
	if enum := tags.Get("enum"); enum != "" {
		out.enum = strings.Split(enum, ",")
	}
	return []field{out}, nil
}

func comment(f *ast.Field) string {
	text := f.Doc.Text()
	if text == "" {
		text = f.Comment.Text()
	}
	return strings.Join(strings.Fields(text), " ")
}

// kinds are the types that are not followed.
var kinds = map[string]string{
	"string": "text", "bool": "yes or no", "int": "number", "int64": "number", "float64": "number",
	"time.Duration": "time span", "time.Time": "time", "Secret": "secret",
}

func (s *source) kind(folder, tag string, t ast.Expr) (field, error) {
	switch t := t.(type) {
	case *ast.StarExpr:
		return s.kind(folder, tag, t.X)
	case *ast.ArrayType:
		item, err := s.kind(folder, tag, t.Elt)
		return field{kind: "list", item: &item}, err
	case *ast.MapType:
		item, err := s.kind(folder, tag, t.Value)
		return field{kind: "map", item: &item}, err
	case *ast.SelectorExpr:
		name := t.X.(*ast.Ident).Name + "." + t.Sel.Name
		if kind := kinds[name]; kind != "" {
			return field{kind: kind}, nil
		}
		return s.named(s.imports[folder][t.X.(*ast.Ident).Name], tag, t.Sel.Name)
	case *ast.Ident:
		if kind := kinds[t.Name]; kind != "" {
			return field{kind: kind}, nil
		}
		return s.named(folder, tag, t.Name)
	}
	return field{}, fmt.Errorf("%s: a field of a kind that has no description", folder)
}

// named follows a type of this module.
func (s *source) named(folder, tag, name string) (field, error) {
	if err := s.load(folder); err != nil {
		return field{}, fmt.Errorf("%s: %w", folder, err)
	}
	spec := s.packages[folder][name]
	if spec == nil {
		return field{}, fmt.Errorf("%s has no type %s", folder, name)
	}
	if _, structure := spec.Type.(*ast.StructType); !structure {
		return s.kind(folder, tag, spec.Type)
	}
	below, err := s.fields(folder, name, tag)
	return field{kind: "object", below: below}, err
}
