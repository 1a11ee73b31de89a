package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// source is the text of some bundles: rules, tests of rules, and data.
type source struct {
	modules   map[string]*ast.Module // without tests
	tests     map[string]*ast.Module
	data      map[string]any // the document data.caregate
	revisions map[string]string
}

const coreBundle = "core"

func readSource(tree fs.FS, names []string) (*source, error) {
	s := &source{modules: map[string]*ast.Module{}, tests: map[string]*ast.Module{}, data: map[string]any{}, revisions: map[string]string{}}
	all := append([]string{coreBundle}, names...)
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		if err := s.bundle(tree, name); err != nil {
			return nil, fmt.Errorf("law bundle %q: %w", name, err)
		}
	}
	return s, nil
}

// bundle reads one directory: .manifest, data.yaml, *.rego and *_test.rego.
func (s *source) bundle(tree fs.FS, name string) error {
	files, err := fs.ReadDir(tree, name)
	if err != nil {
		return err
	}
	hash := sha256.New()
	revision := ""
	for _, f := range files {
		text, err := fs.ReadFile(tree, path.Join(name, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n%s", f.Name(), len(text), text)
		switch {
		case f.Name() == ".manifest":
			revision, err = manifestRevision(text)
		case f.Name() == "data.yaml":
			err = s.merge(text)
		case strings.HasSuffix(f.Name(), ".rego"):
			err = s.module(path.Join(name, f.Name()), string(text))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	if revision == "" {
		return fmt.Errorf(".manifest: a revision is required")
	}
	s.revisions[name] = revision + "+" + hex.EncodeToString(hash.Sum(nil))[:12]
	return nil
}

func manifestRevision(text []byte) (string, error) {
	var m struct {
		Revision string   `json:"revision"`
		Roots    []string `json:"roots"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return "", err
	}
	return m.Revision, nil
}

func (s *source) module(name, text string) error {
	m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{Capabilities: capabilities(), RegoVersion: ast.RegoV1})
	if err != nil {
		return err
	}
	if strings.HasSuffix(name, "_test.rego") {
		s.tests[name] = m
	} else {
		s.modules[name] = m
	}
	return nil
}

// merge adds a bundle's data; two bundles may add to one table but never state one entry differently.
func (s *source) merge(text []byte) error {
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("not valid YAML: %s", strings.SplitN(err.Error(), "\n", 2)[0])
	}
	return mergeInto(s.data, doc, "")
}

func mergeInto(into, from map[string]any, at string) error {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		value := from[key]
		have, exists := into[key]
		if !exists {
			into[key] = value
			continue
		}
		a, okA := have.(map[string]any)
		b, okB := value.(map[string]any)
		if !okA || !okB {
			return fmt.Errorf("%s%s is stated by two bundles", at, key)
		}
		if err := mergeInto(a, b, at+key+"."); err != nil {
			return err
		}
	}
	return nil
}

// store holds the data read-only, as parsed values, so that a decision converts nothing.
func (s *source) store() storage.Store {
	root := map[string]any{"caregate": s.data}
	return inmem.NewFromObjectWithOpts(root, inmem.OptRoundTripOnWrite(true), inmem.OptReturnASTValuesOnRead(true))
}

func (s *source) compile() (*ast.Compiler, error) {
	c := ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1)
	c.Compile(s.modules)
	if c.Failed() {
		return nil, fmt.Errorf("compile law: %w", c.Errors)
	}
	return c, nil
}

// pure is every builtin that law may use. None reads a clock, the network, the
// environment or a random source: the same facts always give the same decision.
var pure = []string{
	"assign", "eq", "equal", "neq", "lt", "lte", "gt", "gte", "minus", "plus", "and", "or",
	"count", "concat", "sprintf", "sort", "max", "min", "object.get", "object.union", "object.remove", "object.keys",
	"startswith", "endswith", "contains", "lower", "array.concat", "internal.member_2", "internal.member_3", "internal.test_case",
}

func capabilities() *ast.Capabilities {
	caps := ast.CapabilitiesForThisVersion()
	caps.AllowNet = []string{}
	caps.Builtins = slices.DeleteFunc(slices.Clone(caps.Builtins), func(b *ast.Builtin) bool {
		return b.IsNondeterministic() || !slices.Contains(pure, b.Name)
	})
	return caps
}
