package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func (s *session) complain(err error) {
	fmt.Fprintln(s.errors, "caregate:", err)
}

// say writes a line for people; with --json nothing.
func (s *session) say(format string, args ...any) {
	if !s.json {
		fmt.Fprintf(s.out, format+"\n", args...)
	}
}

// answer writes the result of a command, with --json as one document.
func (s *session) answer(result any, words func()) error {
	if !s.json {
		words()
		return nil
	}
	return s.write(result, jsontext.WithIndent("  "))
}

func (s *session) write(result any, options ...json.Options) error {
	if err := json.MarshalWrite(s.out, result, append(options, json.FormatNilSliceAsNull(false), json.Deterministic(true))...); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out)
	return err
}

// age is how long ago something was, as people say it.
func age(since time.Time) string {
	d := time.Since(since)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// orDash shows that there is nothing.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func list(items []string) string { return strings.Join(items, ", ") }
