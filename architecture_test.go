// Package caregate_test holds the laws of docs/architecture.md over the source of the
// whole module: who may import whom, who may make a permit, and which names are banned.
package caregate_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// module is the path under which the folders of this tree import each other.
const module = "caregate"

// layer is one row of the table in docs/architecture.md. Folder and may name folders with
// everything below them, unless a longer row covers it; "adapters/*" stands for each child
// of adapters on its own, so siblings do not see each other. tests are allowed to test
// files in addition to may; "*" allows everything.
type layer struct {
	folder string
	may    []string
	tests  []string
}

// layers is the table. A folder that no row covers is refused: a new one is a decision.
var layers = []layer{
	{"cmd", []string{"config", "gateway", "demo"}, []string{"*"}},
	{"demo", []string{"config", "gateway", "ledger", "fhir", "hl7v2", "consent", "policy", "testdata"}, nil},
	{"config", []string{
		"gateway", "console", "adapters", "adapters/*", "adapters/httpout", "translate", "hl7v2", "fhir",
		"identity", "consent", "policy", "queue", "ledger", "testdata",
	}, []string{"*"}},
	{"gateway", []string{
		"adapters", "translate", "hl7v2", "fhir", "identity", "consent", "policy", "queue", "ledger",
	}, []string{"adapters/*"}}, // its tests deliver over real protocols
	{"console", []string{"gateway", "fhir"}, nil},
	{"adapters", []string{"hl7v2", "fhir"}, nil},
	{"adapters/*", []string{"adapters", "adapters/httpout", "hl7v2", "fhir", "translate"}, []string{"adapters/adapterstest"}},
	{"adapters/httpout", []string{"adapters"}, nil}, // what senders over HTTP share; no protocol of its own
	{"adapters/adapterstest", []string{"adapters", "fhir"}, nil},
	{"translate", []string{"hl7v2", "fhir"}, nil},
	{"hl7v2", nil, nil},
	{"fhir", nil, nil},
	{"identity", []string{"fhir"}, nil},
	{"consent", []string{"fhir"}, nil},
	{"policy", []string{"consent", "fhir"}, nil},
	{"queue", nil, nil},
	{"ledger", nil, nil},
	{"testdata", nil, nil},
	{"prove", nil, []string{"*"}}, // not part of the product: drives it at full size, tests only
	{"prove/proof", []string{"config", "demo", "fhir", "hl7v2", "testdata"}, []string{"*"}}, // what the proofs share: real processes and their partners
	{".", nil, nil}, // the laws themselves
}

// stdlibOnly are the folders that import nothing but the standard library.
var stdlibOnly = []string{"hl7v2"}

// bannedNames say nothing about what a package is for.
var bannedNames = []string{"util", "utils", "common", "types", "models", "helpers", "shared", "misc"}

// permitMakers are the functions that may make an adapters.Permit: folder/file.go function.
// adapterstest makes permits too, to exercise senders; only tests may import it.
var permitMakers = []string{"gateway/release.go release", "adapters/permit.go Permitted"}

const permitSuite = "adapters/adapterstest"

func TestArchitecture(t *testing.T) {
	t.Parallel()
	for _, violation := range checkLaws(os.DirFS(".")) {
		t.Error(violation)
	}
}

// checkLaws returns one line for each place of the tree that breaks a law. It parses files
// instead of asking go list, so that Go's test cache sees every file it depends on.
func checkLaws(tree fs.FS) []string {
	var found []string
	for _, f := range sources(tree) {
		if f.err != nil {
			found = append(found, f.err.Error())
			continue
		}
		found = append(found, lawImports(f)...)
		found = append(found, lawPermits(f)...)
		found = append(found, lawForgery(f)...)
		found = append(found, lawNames(f)...)
	}
	return found
}

// source is one Go file of the tree.
type source struct {
	name string // slash-separated path from the root of the module
	set  *token.FileSet
	file *ast.File
	text []byte
	err  error
}

func (s source) folder() string { return path.Dir(s.name) }
func (s source) test() bool     { return strings.HasSuffix(s.name, "_test.go") }

func (s source) at(p token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", s.name, s.set.Position(p).Line, fmt.Sprintf(format, args...))
}

// sources parses every Go file of the module, leaving out what the go tool leaves out.
func sources(tree fs.FS) []source {
	var all []source
	set := token.NewFileSet()
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name != "." && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			if _, err := fs.Stat(tree, path.Join(name, "go.mod")); err == nil && name != "." {
				return fs.SkipDir // another module
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		all = append(all, source{name: name, set: set, file: file, text: text, err: err})
		return nil
	})
	if err != nil {
		all = append(all, source{err: err})
	}
	return all
}

// row returns the most specific row that covers a folder, and the unit in which packages
// see each other freely: the row's folder, or the one child that its "*" stands for.
func row(folder string) (found layer, unit string) {
	for _, l := range layers {
		base, star := strings.CutSuffix(l.folder, "/*")
		if star {
			child, _, _ := strings.Cut(strings.TrimPrefix(folder, base+"/"), "/")
			base = path.Join(base, child)
		}
		within := folder == base || strings.HasPrefix(folder, base+"/")
		if star && folder == path.Dir(base) {
			within = false
		}
		if within && (found.folder == "" || len(l.folder) > len(found.folder)) {
			found, unit = l, base
		}
	}
	return found, unit
}

func lawImports(s source) []string {
	var found []string
	from, unit := row(s.folder())
	if from.folder == "" {
		return []string{s.at(s.file.Package, "folder %s is not in the table of layers", s.folder())}
	}
	allowed := from.may
	if s.test() {
		allowed = append(append(slices.Clone(from.may), from.tests...), "testdata")
	}
	for _, spec := range s.file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		if name == "unsafe" {
			found = append(found, s.at(spec.Pos(), "imports unsafe, which can forge a permit"))
		}
		folder, inside := strings.CutPrefix(name, module+"/")
		if !inside {
			if slices.Contains(stdlibOnly, from.folder) && !s.test() && strings.Contains(strings.Split(name, "/")[0], ".") {
				found = append(found, s.at(spec.Pos(), "%s may import the standard library only, not %s", from.folder, name))
			}
			continue
		}
		to, target := row(folder)
		if target == unit || slices.Contains(allowed, "*") || slices.Contains(allowed, to.folder) {
			continue
		}
		found = append(found, s.at(spec.Pos(), "%s may not import %s", s.folder(), folder))
	}
	return found
}

// lawPermits refuses every use of adapters.Permitted, called or handed on, and every
// composite literal of Permit outside permitMakers.
func lawPermits(s source) []string {
	if s.test() || s.folder() == permitSuite {
		return nil
	}
	var found []string
	local := ""
	for _, spec := range s.file.Imports {
		if spec.Path.Value != strconv.Quote(module+"/adapters") {
			continue
		}
		local = "adapters"
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			found = append(found, s.at(spec.Pos(), "dot import hides who makes a permit"))
		}
	}
	names := func(e ast.Node, name string) bool {
		switch e := e.(type) {
		case *ast.SelectorExpr:
			pkg, ok := e.X.(*ast.Ident)
			return ok && local != "" && pkg.Name == local && e.Sel.Name == name
		case *ast.Ident:
			return s.folder() == "adapters" && e.Name == name
		}
		return false
	}
	for _, decl := range s.file.Decls {
		fn, _ := decl.(*ast.FuncDecl)
		if fn != nil && slices.Contains(permitMakers, s.name+" "+fn.Name.Name) {
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok && lit.Type != nil && names(lit.Type, "Permit") {
				found = append(found, s.at(n.Pos(), "only gateway.release may make a Permit"))
			}
			if names(n, "Permitted") {
				found = append(found, s.at(n.Pos(), "only gateway.release may call adapters.Permitted"))
			}
			return true
		})
	}
	return found
}

// lawForgery holds inside package adapters, where Go lets anybody reach into a Permit: it is
// only ever a parameter or a receiver, and nothing is assigned through its field.
func lawForgery(s source) []string {
	if s.test() || s.folder() != "adapters" {
		return nil
	}
	var found []string
	fine := map[ast.Node]bool{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if slices.Contains(permitMakers, s.name+" "+n.Name.Name) {
				return false
			}
			fine = allow(fine, n.Recv)
		case *ast.FuncType:
			fine = allow(fine, n.Params)
		case *ast.TypeSpec:
			fine[n.Name] = true // the compiler refuses a second one
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				if reaches(to, "release") {
					found = append(found, s.at(n.Pos(), "only gateway.release may make a Permit: nothing is assigned through its field"))
				}
			}
		case *ast.Ident:
			if n.Name == "Permit" && !fine[n] {
				found = append(found, s.at(n.Pos(), "only gateway.release may make a Permit: here it is a parameter or a receiver"))
			}
		}
		return true
	})
	return found
}

func allow(fine map[ast.Node]bool, fields *ast.FieldList) map[ast.Node]bool {
	if fields != nil {
		for _, f := range fields.List {
			fine[f.Type] = true
		}
	}
	return fine
}

func reaches(e ast.Expr, field string) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		found = found || ok && sel.Sel.Name == field
		return !found
	})
	return found
}

// generatedLike finds headers that mean "generated" without being the one that tools know.
var generatedLike = regexp.MustCompile(`(?i)(code generated|auto-?generated|generated by|do not edit)`)

func lawNames(s source) []string {
	var found []string
	for _, name := range []string{strings.TrimSuffix(s.file.Name.Name, "_test"), path.Base(s.folder())} {
		if slices.Contains(bannedNames, name) {
			found = append(found, s.at(s.file.Name.Pos(), "the name %s does not say what the package is for", name))
			break
		}
	}
	for _, decl := range s.file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, s.at(fn.Pos(), "no func init: config.Build wires by an explicit switch"))
		}
	}
	for _, group := range s.file.Comments {
		if group.Pos() < s.file.Package && generatedLike.MatchString(group.Text()) && !ast.IsGenerated(s.file) {
			found = append(found, s.at(group.Pos(), "a generated file starts with the line // Code generated ... DO NOT EDIT."))
		}
	}
	return found
}

// TestLaws tests the test: each violating tree is refused for its reason, and its twin,
// which differs in that one thing, is allowed.
func TestLaws(t *testing.T) {
	t.Parallel()
	const use = "package x\nimport (\n\t\"caregate/adapters\"\n)\n"
	cases := []struct {
		name, file, refused, allowed, reason string
		twinFile                             string // the twin's place, when the place is the difference
	}{
		{
			name: "adapter imports ledger", file: "adapters/mllp/send.go", reason: "adapters/mllp may not import ledger",
			refused: "package mllp\nimport _ \"caregate/ledger\"", allowed: "package mllp\nimport _ \"caregate/adapters\"",
		},
		{
			name: "adapter imports policy in a test", file: "adapters/mllp/send_test.go", reason: "may not import policy",
			refused: "package mllp\nimport _ \"caregate/policy\"", allowed: "package mllp\nimport _ \"caregate/adapters/adapterstest\"",
		},
		{
			name: "adapter imports its sibling", file: "adapters/mllp/send.go", reason: "may not import adapters/fhirrest",
			refused: "package mllp\nimport _ \"caregate/adapters/fhirrest\"", allowed: "package mllp\nimport _ \"caregate/adapters/mllp/frame\"",
		},
		{
			name: "gateway names a concrete adapter", file: "gateway/accept.go", reason: "gateway may not import adapters/mllp",
			refused: "package gateway\nimport _ \"caregate/adapters/mllp\"", allowed: "package gateway\nimport _ \"caregate/adapters\"",
		},
		{
			name: "ledger knows FHIR", file: "ledger/accept.go", reason: "ledger may not import fhir",
			refused: "package ledger\nimport _ \"caregate/fhir\"", allowed: "package ledger\nimport _ \"database/sql\"",
		},
		{
			name: "v2 parser leaves the standard library", file: "hl7v2/parse.go", reason: "standard library only",
			refused: "package hl7v2\nimport _ \"golang.org/x/text/encoding\"", allowed: "package hl7v2\nimport _ \"encoding/hex\"",
		},
		{
			name: "policy suite in production", file: "config/build.go", reason: "may not import adapters/adapterstest",
			refused: "package config\nimport _ \"caregate/adapters/adapterstest\"", allowed: "package config\nimport _ \"caregate/adapters/mllp\"",
		},
		{
			name: "unknown folder", file: "enrich/enrich.go", twinFile: "identity/enrich.go", reason: "not in the table",
			refused: "package enrich", allowed: "package identity",
		},
		{
			name: "deliver makes a permit", file: "gateway/deliver.go", twinFile: "gateway/release.go", reason: "only gateway.release may call",
			refused: use + "func release() { adapters.Permitted(adapters.Release{}) }", allowed: use + "func release() { adapters.Permitted(adapters.Release{}) }",
		},
		{
			name: "another function of release.go makes a permit", file: "gateway/release.go", reason: "only gateway.release may call",
			refused: use + "func resend() { adapters.Permitted(adapters.Release{}) }", allowed: use + "func (g *Gateway) release() { adapters.Permitted(adapters.Release{}) }",
		},
		{
			name: "adapter makes a permit", file: "adapters/mllp/send.go", reason: "only gateway.release may call",
			refused: use + "var p = adapters.Permitted(adapters.Release{})", allowed: use + "func send(p adapters.Permit) adapters.Release { return p.Release() }",
		},
		{
			name: "the maker is handed on under another name", file: "gateway/deliver.go", reason: "only gateway.release may call",
			refused: "package gateway\nimport edge \"caregate/adapters\"\nvar open = edge.Permitted", allowed: "package gateway\nimport edge \"caregate/adapters\"\nvar open edge.Accept",
		},
		{
			name: "permit as a literal", file: "gateway/deliver.go", reason: "only gateway.release may make",
			refused: use + "func f() adapters.Permit { return adapters.Permit{} }", allowed: use + "func f() (p adapters.Permit) { return p }",
		},
		{
			name: "permit made inside adapters", file: "adapters/loop.go", reason: "only gateway.release may",
			refused: "package adapters\nfunc f(r Release) Permit { return Permit{release: &r} }", allowed: "package adapters\nfunc f(p Permit) bool { return p.Valid() }",
		},
		{
			name: "permit by another name", file: "adapters/loop.go", reason: "only gateway.release may make",
			refused: "package adapters\ntype pass = Permit", allowed: "package adapters\ntype pass func(Permit)",
		},
		{
			name: "permit in a list", file: "adapters/loop.go", reason: "only gateway.release may make",
			refused: "package adapters\nfunc f(r Release) any { return []Permit{{&r}} }", allowed: "package adapters\nfunc f(p Permit) any { return []Release{p.Release()} }",
		},
		{
			name: "permit rewritten", file: "adapters/loop.go", reason: "nothing is assigned",
			refused: "package adapters\nfunc f(p Permit, r Release) any { p.release = &r; return p }", allowed: "package adapters\nfunc f(p Permit, r Release) any { r = p.Release(); return r }",
		},
		{
			name: "what is permitted exchanged", file: "adapters/loop.go", reason: "nothing is assigned",
			refused: "package adapters\nfunc f(p Permit) { p.release.Body = nil }", allowed: "package adapters\nfunc f(p Permit) { r := p.Release(); r.Body = nil }",
		},
		{
			name: "dot import", file: "gateway/deliver.go", reason: "dot import",
			refused: "package gateway\nimport . \"caregate/adapters\"", allowed: "package gateway\nimport edge \"caregate/adapters\"",
		},
		{
			name: "unsafe", file: "gateway/deliver.go", reason: "unsafe",
			refused: "package gateway\nimport _ \"unsafe\"", allowed: "package gateway\nimport _ \"sync\"",
		},
		{
			name: "init registry", file: "translate/tables.go", reason: "no func init",
			refused: "package translate\nfunc init() {}", allowed: "package translate\nfunc (t table) init() {}",
		},
		{
			name: "package named util", file: "fhir/util/util.go", twinFile: "fhir/fhirpath/eval.go", reason: "does not say what",
			refused: "package util", allowed: "package fhirpath",
		},
		{
			name: "generated header that tools do not know", file: "fhir/r4.go", reason: "generated file starts",
			refused: "// DO NOT EDIT!\n// Code generated by gen\n\npackage fhir", allowed: "// Code generated by gen. DO NOT EDIT.\n\npackage fhir",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := checkLaws(fstest.MapFS{c.file: {Data: []byte(c.refused)}})
			if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), c.reason) {
				t.Errorf("refused for %q, want reason %q", found, c.reason)
			}
			twin := c.file
			if c.twinFile != "" {
				twin = c.twinFile
			}
			if found := checkLaws(fstest.MapFS{twin: {Data: []byte(c.allowed)}}); len(found) > 0 {
				t.Errorf("the allowed twin is refused: %q", found)
			}
		})
	}
}
