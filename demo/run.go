package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"caregate/config"
)

// Options say how the demo is played.
type Options struct {
	Out   io.Writer     // where the story goes
	Log   io.Writer     // where the gateway's log goes
	Dir   string        // keeps configuration and data there; "" uses a temporary folder and removes it
	Stay  bool          // keeps everything running at the end, until the context ends
	Clock time.Duration // how far the clock is ahead: the story holds in any year
}

// Run plays the story and returns an error where it did not go as promised.
func Run(ctx context.Context, o Options) (err error) {
	dir := o.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "caregate-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	now := func() time.Time { return time.Now().Add(o.Clock) }
	s := &story{stage: &stage{today: now()}, teller: teller{out: o.Out}, ctx: ctx}
	if err := s.build(); err != nil {
		return err
	}
	app, err := open(ctx, s.stage, dir, config.BuildOptions{DataDir: filepath.Join(dir, "data"), Writer: "demo", Now: now, Log: slog.New(slog.NewJSONHandler(o.Log, nil))})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- app.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-done)
	}()
	fmt.Fprintln(s.out, "One child in foster care, two clinics, a school, a care organisation and the State. All people are invented; all sockets are on this machine.")
	for _, scene := range s.scenes() {
		if err := scene(); err != nil {
			return fmt.Errorf("scene %d: %w", s.played, err)
		}
	}
	if o.Stay {
		s.invite(dir)
		<-ctx.Done()
	}
	return nil
}

// open builds the gateway from the demo's configuration, on the addresses of the partners' systems.
func open(ctx context.Context, s *stage, dir string, o config.BuildOptions) (*config.App, error) {
	conf := filepath.Join(dir, "config")
	if err := WriteConfig(conf); err != nil {
		return nil, err
	}
	env := s.environment()
	c, problems := config.Load(conf, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if len(problems) > 0 {
		return nil, fmt.Errorf("the demo's configuration: %v", problems)
	}
	app, err := config.Build(ctx, c, o)
	if err != nil {
		return nil, err
	}
	if err := app.Listen(); err != nil {
		return nil, errors.Join(err, app.Close())
	}
	s.gateway, s.ledger = app.Gateway, app.Ledger()
	addresses := app.Addresses()
	s.connect(addresses.HTTP, addresses.MLLP)
	return app, nil
}

// invite says how to go on by hand.
func (s *story) invite(dir string) {
	fmt.Fprintf(s.out, `
The gateway and its partners stay up until Ctrl-C. Try, in another terminal:
  caregate explain cmo/CMO000004413 --config %[1]s/config --data %[1]s/data
  caregate work list --config %[1]s/config --data %[1]s/data
  caregate verify --config %[1]s/config --data %[1]s/data
  caregate send FILE.hl7 --to mllp://%[2]s
`, dir, s.mllp["cmo"])
}
