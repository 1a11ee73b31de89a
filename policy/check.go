package policy

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Check names every problem of some law: these files, laid over a base that is sound. What
// stops one step (a file that cannot be read) does not hide what can be found elsewhere; tests
// and cases run once there is law to try. A nil verifier asks for no signatures.
func (f Files) Check(ctx context.Context, base Files, verifier *Verifier, at Limits) Problems {
	problems := f.inspect(base, verifier)
	if len(problems) == 0 {
		all := f.Over(base)
		found, err := all.Test(ctx, all.Bundles(), at)
		problems = append(problems, found.Failures...)
		if err != nil {
			problems = append(problems, Problem{File: "law", Text: firstLine(err)})
		}
	}
	return problems.sorted()
}

// Activate makes an Engine of the named bundles of some law, laid over a base, when nothing is
// wrong with it: signatures first, then all that Check looks for, then the embedded tests and
// the golden cases. Otherwise the caller keeps the Engine that it has.
func (f Files) Activate(ctx context.Context, base Files, names []string, verifier *Verifier, at Limits) (*Engine, error) {
	if verifier != nil {
		if err := verifier.Verify(f); err != nil {
			return nil, err // nothing of law that nobody vouches for is even parsed
		}
	}
	if problems := f.inspect(base, nil); len(problems) > 0 {
		return nil, problems.err()
	}
	return f.Over(base).Load(ctx, names, at)
}

// inspect finds what can be found without running anything.
func (f Files) inspect(base Files, verifier *Verifier) Problems {
	c := &lawCheck{own: f, all: f.Over(base), tables: map[string]*lawTable{}}
	if verifier != nil {
		c.signatures(verifier)
	}
	for _, folder := range f.Bundles() {
		c.bundle(folder)
	}
	for _, name := range f.in(CasesFolder) {
		if name != signaturesFile && !strings.HasSuffix(name, ".yaml") {
			c.report(path.Join(CasesFolder, name), 0, "not a case: its name has to end in .yaml")
		}
	}
	c.compile()
	return c.problems.sorted()
}

// lawCheck collects the problems of law.
type lawCheck struct {
	own, all Files
	modules  map[string]*ast.Module // of own and base
	tables   map[string]*lawTable   // data files of own, by bundle
	unparsed bool                   // some rules could not be read: what they refer to is not known
	problems Problems
}

func (c *lawCheck) report(file string, line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (c *lawCheck) signatures(v *Verifier) {
	for _, folder := range c.own.Folders() {
		if err := v.folder(c.own, folder); err != nil {
			c.report(path.Join(folder, signaturesFile), 0, "%s", err)
		}
	}
}

// bundle checks one folder by itself.
func (c *lawCheck) bundle(folder string) {
	manifest, given := c.own[path.Join(folder, ".manifest")]
	revision, err := manifestRevision(manifest)
	switch {
	case !given:
		c.report(path.Join(folder, ".manifest"), 0, `the file is missing: write {"revision": "2026.12.1", "roots": ["caregate"]}`)
	case err != nil:
		c.report(path.Join(folder, ".manifest"), 0, "not readable as JSON")
	case revision == "":
		c.report(path.Join(folder, ".manifest"), 1, "a revision is required: decisions name it")
	}
	if text, given := c.own[path.Join(folder, "data.yaml")]; given {
		c.data(folder, text)
	}
	for _, base := range c.own.in(folder) {
		known := slices.Contains([]string{".manifest", signaturesFile, "data.yaml"}, base) || strings.HasSuffix(base, ".rego") || strings.HasSuffix(base, ".md")
		if !known {
			c.report(path.Join(folder, base), 0, "law is written in data.yaml and *.rego: nothing else is read")
		}
	}
}

// compile parses and compiles everything, and checks what the rules refer to.
func (c *lawCheck) compile() {
	c.modules = map[string]*ast.Module{}
	tested := map[string]bool{}
	for _, name := range sortedNames(c.all) {
		if !strings.HasSuffix(name, ".rego") {
			continue
		}
		m, err := ast.ParseModuleWithOpts(name, string(c.all[name]), ast.ParserOptions{Capabilities: capabilities(), RegoVersion: ast.RegoV1})
		if err != nil {
			c.rego(name, err)
			c.unparsed = true
			continue
		}
		c.modules[name] = m
		if strings.HasSuffix(name, "_test.rego") {
			tested[path.Dir(name)] = tested[path.Dir(name)] || hasTest(m)
		}
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1)
	compiler.SetErrorLimit(0)
	if compiler.Compile(c.modules); compiler.Failed() {
		c.rego("", compiler.Errors)
	}
	for _, folder := range c.own.Bundles() {
		if !tested[folder] {
			c.report(path.Join(folder, "law_test.rego"), 0, "the bundle has no test: write a *_test.rego with rules test_NAME, before it can come into force")
		}
	}
	c.references()
}

func sortedNames(f Files) []string {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func hasTest(m *ast.Module) bool {
	return slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool {
		return strings.HasPrefix(string(r.Head.Name), "test_") || strings.Contains(r.Head.Ref().String(), "test_")
	})
}

// rego reports what OPA found. A builtin that law may not use is unknown to it.
func (c *lawCheck) rego(name string, err error) {
	var all ast.Errors
	if !errors.As(err, &all) {
		c.report(name, 0, "%s", firstLine(err))
		return
	}
	for _, e := range all {
		at := Problem{File: name}
		if e.Location != nil {
			at.File, at.Line = e.Location.File, e.Location.Row
		}
		c.report(at.File, at.Line, "%s", regoText(e))
	}
}

func regoText(e *ast.Error) string {
	function, unknown := strings.CutPrefix(e.Message, "undefined function ")
	if !unknown {
		return "not valid Rego: " + strings.ReplaceAll(e.Message, "\n", " ")
	}
	if _, exists := ast.BuiltinMap[function]; exists {
		return function + " may not be used: law decides by the facts it is given alone, without clock, network or chance; the functions that it has are listed in docs/law.md"
	}
	return "there is no function " + function
}
