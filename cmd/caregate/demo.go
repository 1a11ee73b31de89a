package main

import "errors"

type demoCmd struct {
	Stay bool `help:"Stay up after the story, for trying send and explain by hand."`
}

func (c *demoCmd) Run(s *session) error {
	return exit{exitUnavailable, errors.New("the demo is not part of this build")}
}
