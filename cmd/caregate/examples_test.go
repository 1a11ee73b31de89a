package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the output of the examples into docs/translation.md")

var (
	console   = regexp.MustCompile("(?s)```console\n(.*?)```")
	someLines = regexp.MustCompile(` \| lines (\d+)-(\d+)$`)
)

// TestExamples holds that the commands in docs/translation.md print what stands there.
func TestExamples(t *testing.T) {
	t.Chdir("../..")
	const page = "docs/translation.md"
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := console.ReplaceAllFunc(have, func(block []byte) []byte {
		out := []byte("```console\n")
		for line := range strings.Lines(string(block)) {
			if command, ok := strings.CutPrefix(line, "$ caregate "); ok {
				out = append(append(out, line...), printed(t, strings.TrimSpace(command))...)
			}
		}
		return append(out, "```"...)
	})
	if bytes.Equal(have, want) {
		return
	}
	if *update {
		if err := os.WriteFile(page, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s does not show what its commands print: run this test with -update and read the diff", page)
}

// printed is what a command prints, or the lines of it that the page shows.
func printed(t *testing.T, command string) string {
	t.Helper()
	part := someLines.FindStringSubmatch(command)
	var out bytes.Buffer
	run(t.Context(), strings.Fields(someLines.ReplaceAllString(command, "")), nil, &out, &out)
	if part == nil {
		return out.String()
	}
	from, _ := strconv.Atoi(part[1])
	to, _ := strconv.Atoi(part[2])
	lines := strings.SplitAfter(out.String(), "\n")
	return strings.Join(lines[min(from-1, len(lines)):min(to, len(lines))], "")
}
