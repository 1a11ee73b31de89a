package policy

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
)

//go:embed all:bundles
var bundles embed.FS

//go:embed labels
var labels embed.FS

// Bundles returns the law that is built in.
func Bundles() fs.FS { return subtree(bundles, "bundles") }

// Labels returns the label tables that are built in, for LoadLabeler.
func Labels() fs.FS { return subtree(labels, "labels") }

func subtree(tree embed.FS, dir string) fs.FS {
	sub, err := fs.Sub(tree, dir)
	if err != nil { // only a malformed constant could cause it
		panic(err)
	}
	return sub
}

// Limits bound one load and one decision.
type Limits struct {
	Decide time.Duration // one decision; DefaultDecide when zero
	Test   time.Duration // the embedded tests of all bundles; DefaultTest when zero
}

// Default limits.
const (
	DefaultDecide = 2 * time.Second // far above the few ms of a large delivery, so that only a fault reaches it
	DefaultTest   = 60 * time.Second
)

// Engine is compiled law, immutable and safe for concurrent use. A new revision is a new Engine.
type Engine struct {
	query         rego.PreparedEvalQuery
	law           *law
	decide        time.Duration
	revision      map[string]string
	answers       *cache
	files         Files          // of the bundles, without cases
	jurisdictions map[string]any // whose law is loaded
}

// entryPoint is the one rule that Go asks for.
const entryPoint = "data.caregate.decision.result"

// Load reads a tree, then does as Files.Load.
func Load(ctx context.Context, tree fs.FS, names []string, at Limits) (*Engine, error) {
	files, err := ReadFiles(tree)
	if err != nil {
		return nil, err
	}
	return files.Load(ctx, names, at)
}

// Load compiles the named bundles ("core" is always part), allowing only pure builtins, runs
// their embedded tests, and decides the golden cases of jurisdictions whose law they are. Any
// failure is an error, and the caller keeps the Engine that it has.
func (f Files) Load(ctx context.Context, names []string, at Limits) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(at.Test, DefaultTest))
	defer cancel()
	e, src, err := f.compile(ctx, names, at)
	if err != nil {
		return nil, err
	}
	found, err := src.test(ctx)
	if err == nil {
		err = found.runCases(ctx, e, f)
	}
	if err != nil {
		return nil, err
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	return e, nil
}

// compile makes an Engine that nothing has tried yet.
func (f Files) compile(ctx context.Context, names []string, at Limits) (*Engine, *source, error) {
	src, err := readSource(f, names)
	if err != nil {
		return nil, nil, err
	}
	law, err := newLaw(src.data)
	if err != nil {
		return nil, nil, err
	}
	query, err := prepare(ctx, src)
	if err != nil {
		return nil, nil, err
	}
	return &Engine{
		query: query, law: law, decide: orDefault(at.Decide, DefaultDecide), revision: src.revisions, answers: &cache{},
		files: src.files, jurisdictions: table(src.data["jurisdictions"]),
	}, src, nil
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// Revision returns bundle name -> revision of the law in force: the manifest's revision and
// a hash of the bundle's content, so that an edit without a new revision still shows.
func (e *Engine) Revision() map[string]string {
	out := make(map[string]string, len(e.revision))
	maps.Copy(out, e.revision)
	return out
}

// Files are the bundles that the Engine was made of, without golden cases.
func (e *Engine) Files() Files { return e.files }

func prepare(ctx context.Context, src *source) (rego.PreparedEvalQuery, error) {
	compiler, err := src.compile()
	if err != nil {
		return rego.PreparedEvalQuery{}, err
	}
	query, err := rego.New(
		rego.Query(entryPoint),
		rego.Compiler(compiler),
		rego.Store(src.store()),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
	if err != nil {
		return rego.PreparedEvalQuery{}, fmt.Errorf("prepare law: %w", err)
	}
	return query, nil
}
