package main

import (
	"io"
	"time"

	"caregate/demo"
)

type demoCmd struct {
	Stay  bool          `help:"Stay up after the story, for trying send and explain by hand."`
	Dir   string        `help:"Keep configuration and data here; otherwise they are removed." placeholder:"DIR"`
	Clock time.Duration `help:"How far the clock is ahead: the story holds in any year." placeholder:"8760h"`
	Log   bool          `help:"Write the gateway's log to stderr."`
}

func (c *demoCmd) Run(s *session) error {
	o := demo.Options{Out: s.out, Log: io.Discard, Dir: c.Dir, Stay: c.Stay, Clock: c.Clock}
	if c.Log {
		o.Log = s.errors
	}
	if err := demo.Run(s.ctx, o); err != nil {
		return negative(err)
	}
	return nil
}
