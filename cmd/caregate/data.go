package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"caregate/config"
)

// store are the flags of commands that open the ledger. They work while serve runs.
type store struct {
	Data    string `help:"Data directory." placeholder:"DIR" default:"data" env:"CAREGATE_DATA"`
	Config  string `help:"Configuration directory." placeholder:"DIR" default:"config" env:"CAREGATE_CONFIG"`
	KeyFile string `help:"File of the key-encryption key; else the configured one, CAREGATE_KEY, or a development key." placeholder:"FILE"`
}

// options are what every command opens the ledger with; writer names it in the audit log.
func (f store) options(s *session, writer string) (config.BuildOptions, error) {
	o := config.BuildOptions{DataDir: f.Data, Writer: writer, Version: version, Log: s.log()}
	if f.KeyFile != "" {
		key, err := config.KeyFile(f.KeyFile)
		if err != nil {
			return o, usage(fmt.Errorf("%s: %w", f.KeyFile, err))
		}
		o.Key = key
	}
	return o, nil
}

// log goes to stderr as JSON and holds codes, places and our ids, never values of messages.
func (s *session) log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(s.errors, nil))
}

// look opens the ledger to look into it. It needs no valid configuration.
func (f store) look(s *session, writer string) (*config.App, error) {
	if _, err := os.Stat(f.Data); err != nil {
		return nil, exit{exitUnavailable, fmt.Errorf("there is no data directory %s: give --data", f.Data)}
	}
	o, err := f.options(s, writer)
	if err != nil {
		return nil, err
	}
	app, err := config.Open(s.ctx, config.LoadSite(f.Config, nil), o)
	if err != nil {
		return nil, fmt.Errorf("the ledger in %s cannot be opened: %w", f.Data, err)
	}
	return app, s.warn(app)
}

// change opens the ledger with the whole configuration, to accept what an operator enters.
func (f store) change(s *session, writer string) (*config.App, error) {
	c, problems := config.Load(f.Config, nil)
	if err := problems.Err(); err != nil {
		return nil, usage(fmt.Errorf("the configuration in %s has problems:\n%w", f.Config, err))
	}
	o, err := f.options(s, writer)
	if err != nil {
		return nil, err
	}
	app, err := config.Build(s.ctx, c, o)
	if err != nil {
		return nil, err
	}
	return app, s.warn(app)
}

// warn says loudly when the data is not protected.
func (s *session) warn(app *config.App) error {
	if app.DevelopmentKey() && !s.diagnosticsOff {
		fmt.Fprintln(s.errors, "caregate: WARNING: the data is encrypted under a development key that lies next to it. "+
			"That protects nothing. Configure key.file or key.env, or set "+config.KeyVariable+".")
	}
	return nil
}

// close ends a command's use of the ledger and keeps the first error.
func closing(app *config.App, err *error) {
	*err = errors.Join(*err, app.Close())
}

// found turns "not there" into a negative answer in words.
func found(err error, what string) error {
	if errors.Is(err, config.ErrNotFound) {
		return negative(fmt.Errorf("nothing is known under %s", what))
	}
	return err
}

// person is who sits at the command line, for the audit log.
func person() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if user := os.Getenv(name); user != "" {
			return user
		}
	}
	return "unknown"
}
