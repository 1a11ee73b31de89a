package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	files     Files                  // that it was read from
	modules   map[string]*ast.Module // without tests
	tests     map[string]*ast.Module
	data      map[string]any // the document data.caregate
	revisions map[string]string
}

const coreBundle = "core"

func readSource(files Files, names []string) (*source, error) {
	s := &source{files: Files{}, modules: map[string]*ast.Module{}, tests: map[string]*ast.Module{}, data: map[string]any{}, revisions: map[string]string{}}
	for _, name := range withCore(names) {
		if err := s.bundle(files, name); err != nil {
			return nil, fmt.Errorf("law bundle %q: %w", name, err)
		}
	}
	return s, nil
}

func withCore(names []string) []string {
	all := append([]string{coreBundle}, names...)
	slices.Sort(all)
	return slices.Compact(all)
}

// bundle reads one folder: .manifest, data.yaml, *.rego and *_test.rego.
func (s *source) bundle(files Files, name string) error {
	own := files.in(name)
	if len(own) == 0 {
		return fmt.Errorf("there is no such folder")
	}
	revision := ""
	for _, base := range own {
		text := files[path.Join(name, base)]
		s.files[path.Join(name, base)] = text
		var err error
		switch {
		case base == ".manifest":
			revision, err = manifestRevision(text)
		case base == "data.yaml":
			err = s.merge(text)
		case strings.HasSuffix(base, ".rego"):
			err = s.module(path.Join(name, base), string(text))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", base, err)
		}
	}
	if revision == "" {
		return fmt.Errorf(".manifest: a revision is required")
	}
	s.revisions[name] = revision + "+" + contentHash(files, name)
	return nil
}

// contentHash tells a bundle from another of the same revision. A signature is not part: who
// signs the same law again makes no other law.
func contentHash(files Files, name string) string {
	hash := sha256.New()
	for _, base := range files.in(name) {
		if text := files[path.Join(name, base)]; base != signaturesFile {
			fmt.Fprintf(hash, "%s %d\n%s", base, len(text), text)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:12]
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
