package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
)

// Tested is what a trial of law found: its embedded tests and the golden cases.
type Tested struct {
	Tests    int      `json:"tests"`
	Cases    int      `json:"cases"`
	Skipped  int      `json:"skipped"` // cases that are contestable, or of a jurisdiction whose law is not loaded
	Failures Problems `json:"failures"`
}

// errNoTests refuses law that comes without tests: zero failures of zero tests proves nothing.
var errNoTests = errors.New("law has no embedded tests")

// Err is nil where something was tried and nothing failed; otherwise it names the first failure.
func (t Tested) Err() error {
	switch {
	case len(t.Failures) > 0:
		return fmt.Errorf("test law: %d of %d failed, the first: %s", len(t.Failures), t.Tests+t.Cases, t.Failures[0])
	case t.Tests == 0:
		return errNoTests
	}
	return nil
}

// Test runs the embedded tests of the named bundles and decides the golden cases. An error
// means that nothing could be run; what failed stands in the answer.
func (f Files) Test(ctx context.Context, names []string, at Limits) (Tested, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(at.Test, DefaultTest))
	defer cancel()
	e, src, err := f.compile(ctx, names, at)
	if err != nil {
		return Tested{}, err
	}
	found, err := src.test(ctx)
	if err != nil {
		return found, err
	}
	return found, found.runCases(ctx, e, f)
}

// test runs the *_test.rego of the bundles.
func (s *source) test(ctx context.Context) (Tested, error) {
	found := Tested{Failures: Problems{}}
	if len(s.tests) == 0 {
		return found, errNoTests
	}
	store := s.store()
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return found, fmt.Errorf("test law: %w", err)
	}
	defer store.Abort(ctx, txn)
	modules := maps.Clone(s.modules)
	maps.Copy(modules, s.tests)
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1)
	results, err := tester.NewRunner().SetCompiler(compiler).SetStore(store).SetModules(modules).RunTests(ctx, txn)
	if err != nil {
		return found, fmt.Errorf("test law: %w", err)
	}
	for r := range results {
		found.Tests++
		if !r.Pass() {
			found.Failures = append(found.Failures, failedTest(r))
		}
	}
	return found, ctx.Err()
}

func failedTest(r *tester.Result) Problem {
	p := Problem{File: r.Location.File, Line: r.Location.Row, Text: "the test " + r.Name + " does not hold: correct the law, or the test where the law has changed"}
	if r.Error != nil {
		p.Text = "the test " + r.Name + " broke off: " + strings.TrimSuffix(firstLine(r.Error), ":")
	}
	if r.Skip {
		p.Text = "the test " + r.Name + " is switched off (todo_): a test that does not run proves nothing"
	}
	return p
}
