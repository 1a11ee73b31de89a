// Command caregate is the interoperability gateway for children's systems of care: it
// serves, and it is the operator's and the integrator's tool. docs/cli.md lists its commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version of the software; the release build sets it.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
