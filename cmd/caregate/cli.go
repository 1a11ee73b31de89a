package main

import (
	"context"
	"errors"
	"io"

	"github.com/alecthomas/kong"
)

// cli is every command and flag; docs/cli.md is generated from it.
type cli struct {
	JSON bool `help:"Write JSON for machines instead of words for people."`

	Serve   serveCmd   `cmd:"" help:"Run the gateway until SIGTERM; SIGHUP reloads the configuration."`
	Demo    demoCmd    `cmd:"" help:"Play the story of one child across five organisations, on this machine."`
	Init    initCmd    `cmd:"" help:"Write a commented working configuration into DIR."`
	Check   checkCmd   `cmd:"" help:"Name every problem of a configuration, with file and line."`
	Partner partnerCmd `cmd:"" help:"Add a partner, or test the way to one."`

	Send      sendCmd      `cmd:"" help:"Send a file as a partner would, and show the answer."`
	Translate translateCmd `cmd:"" help:"Translate between HL7 v2 and FHIR R4."`
	HL7       hl7Cmd       `cmd:"" name:"hl7" help:"Look at HL7 v2 messages."`

	Explain   explainCmd   `cmd:"" help:"Tell what became of a message: who got what, what was withheld, and why."`
	Account   accountCmd   `cmd:"" help:"Account for every disclosure of a child: when, to whom, what, why, by what right."`
	Raw       rawCmd       `cmd:"" help:"Write the received bytes of a message to stdout; the reading is audited."`
	Work      workCmd      `cmd:"" help:"See and settle what waits for a person."`
	Authority authorityCmd `cmd:"" help:"Say who may consent for a child."`
	Policy    policyCmd    `cmd:"" help:"Test, check and sign law."`
	Consent   consentCmd   `cmd:"" help:"Try consents and law on written cases."`
	Child     childCmd     `cmd:"" help:"Correct whose message it is; see who could see a child's records."`
	Verify    verifyCmd    `cmd:"" help:"Check the audit chains; the first bad row is named."`

	Version versionCmd `cmd:"" help:"Print the version."`
	Docs    docsCmd    `cmd:"" hidden:"" help:"Write docs/cli.md from this model."`
}

// Exit codes of every command.
const (
	exitDone        = 0 // done
	exitNegative    = 1 // a negative answer or a finding
	exitUsage       = 2 // usage or configuration
	exitUnavailable = 3 // something needed is unavailable
)

// exit is an error with the exit code that it means. The error may be nil: all was said.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

func usage(err error) error    { return exit{exitUsage, err} }
func negative(err error) error { return exit{exitNegative, err} }

// session is what every command gets.
type session struct {
	ctx            context.Context
	in             io.Reader
	out, errors    io.Writer
	json           bool
	model          *kong.Application
	diagnosticsOff bool
}

// run parses arguments, runs the command, and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	commands := &cli{}
	s := &session{ctx: ctx, in: in, out: out, errors: errs}
	code := -1
	parser, err := kong.New(commands,
		kong.Name("caregate"),
		kong.Description("Interoperability gateway for children's systems of care."),
		kong.Writers(out, errs),
		kong.Exit(func(c int) { code = c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(s),
	)
	if err != nil {
		s.complain(err)
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // help was asked for and written
		return code
	}
	if err != nil {
		s.complain(err)
		return exitUsage
	}
	s.json, s.model = commands.JSON, parser.Model
	return s.code(parsed.Run())
}

// code says what went wrong, once, and returns the exit code.
func (s *session) code(err error) int {
	if err == nil {
		return exitDone
	}
	known := exit{exitUnavailable, err}
	if e := (exit{}); errors.As(err, &e) {
		known = e
	}
	if known.Error() != "" {
		s.complain(known)
	}
	return known.code
}
