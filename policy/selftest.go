package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
)

// errNoTests refuses law that comes without tests: zero failures of zero tests proves nothing.
var errNoTests = errors.New("law has no embedded tests")

// runTests runs the *_test.rego of the bundles; the first failure refuses them all.
func runTests(ctx context.Context, src *source) error {
	if len(src.tests) == 0 {
		return errNoTests
	}
	store := src.store()
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return fmt.Errorf("test law: %w", err)
	}
	defer store.Abort(ctx, txn)
	modules := maps.Clone(src.modules)
	maps.Copy(modules, src.tests)
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1)
	results, err := tester.NewRunner().SetCompiler(compiler).SetStore(store).SetModules(modules).RunTests(ctx, txn)
	if err != nil {
		return fmt.Errorf("test law: %w", err)
	}
	var failed error
	for r := range results {
		if failed == nil && !r.Pass() {
			failed = errors.Join(fmt.Errorf("test law: %s.%s failed", r.Package, r.Name), r.Error)
		}
	}
	return errors.Join(failed, ctx.Err())
}
