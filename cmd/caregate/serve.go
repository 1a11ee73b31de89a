package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-json-experiment/json"

	"caregate/config"
)

type serveCmd struct {
	store     `embed:""`
	TestHooks string `help:"File of test hooks; refused unless every listener is on loopback." placeholder:"FILE"`
}

// ready is the line that serve prints when it can be reached.
type ready struct {
	Ready bool `json:"ready"`
	config.Addresses
}

func (c *serveCmd) Run(s *session) error {
	loaded, problems := config.Load(c.Config, nil)
	if err := problems.Err(); err != nil {
		return usage(fmt.Errorf("the configuration in %s has problems:\n%w", c.Config, err))
	}
	o, err := c.options(s, "serve")
	if err != nil {
		return err
	}
	o.TestHooks = c.TestHooks
	if o.TestHooks != "" && !loaded.Loopback() {
		return usage(fmt.Errorf("--test-hooks is refused: a listener can be reached from outside this machine"))
	}
	app, err := config.Build(s.ctx, loaded, o)
	if err != nil {
		return err
	}
	if err := s.warn(app); err != nil {
		return err
	}
	if err := app.Listen(); err != nil {
		closing(app, &err)
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Run(s.ctx) }()
	if err := json.MarshalWrite(s.out, ready{true, app.Addresses()}, json.Deterministic(true)); err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	c.reloads(s, app)
	return <-ended
}

// reloads answers SIGHUP until the context ends.
func (c *serveCmd) reloads(s *session, app *config.App) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-hangup:
			c.reload(s, app)
		}
	}
}

func (c *serveCmd) reload(s *session, app *config.App) {
	log := s.log()
	next, problems := config.Load(c.Config, nil)
	for _, p := range problems {
		log.Error("the configuration is not reloaded", slog.String("file", p.File), slog.Int("line", p.Line), slog.String("problem", p.Text))
	}
	if len(problems) > 0 {
		return
	}
	if err := app.Reload(context.WithoutCancel(s.ctx), next); err != nil {
		log.Error("the configuration is not reloaded", slog.String("problem", err.Error()))
		return
	}
	log.Info("the configuration is reloaded", slog.Any("addresses", app.Addresses()))
}
