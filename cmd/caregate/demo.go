package main

import (
	"io"
	"time"

	"caregate/demo"
)

// demoCmd plays the story of the product over real sockets on this machine.
type demoCmd struct {
	Stay  bool          `help:"Stay up after the story, for trying send and explain by hand."`
	Dir   string        `help:"Keep configuration and data in this directory." type:"path"`
	Clock time.Duration `help:"Play as if the clock were ahead by this much, such as 8760h."`
	Log   bool          `help:"Show the gateway's log."`
}

func (c *demoCmd) Run(s *session) error {
	log := io.Writer(io.Discard)
	if c.Log {
		log = s.errors
	}
	return demo.Run(s.ctx, demo.Options{Out: s.out, Log: log, Dir: c.Dir, Stay: c.Stay, Clock: c.Clock})
}
