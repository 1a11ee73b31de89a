package main

import (
	"bytes"
	"fmt"
	"strings"
)

// emitDefinitions writes the table that validation and redaction read, as text: one line for each
// structure, then one for each element, "name cardinality type|type(targets){value set}".
func emitDefinitions(b *bytes.Buffer, m *model) {
	fmt.Fprintf(b, "\n// resourceTypes names every resource type of R4, with a struct here or not.\nconst resourceTypes = `%s`\n", wrap(m.resources))
	b.WriteString("\n// definitionTable has one line for each structure (\"= path kind\") and one for each of its elements:\n" +
		"// name, cardinality (? 0..1, ! 1..1, * 0..*, + 1..*), types, (reference targets), {required value set}.\n" +
		"const definitionTable = `\n")
	for _, s := range m.structures {
		fmt.Fprintf(b, "= %s %s\n", s.path, strings.TrimSpace(s.kind+" "))
		for _, e := range s.elements {
			name := e.name
			if e.choice {
				name += "[x]"
			}
			fmt.Fprintf(b, "%s %s %s", name, cardinality(e), strings.Join(e.types, "|"))
			if len(e.targets) > 0 {
				fmt.Fprintf(b, "(%s)", strings.Join(e.targets, "|"))
			}
			if e.binding != "" {
				fmt.Fprintf(b, "{%s}", e.binding)
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("`\n")
	b.WriteString("\n// valueSetTable has one line for each system of each required value set: key, system, codes.\nconst valueSetTable = `\n")
	for _, vs := range m.sortedValueSets() {
		last := ""
		for _, c := range vs.codes {
			system, code, _ := strings.Cut(c, " ")
			if system != last {
				if last != "" {
					b.WriteString("\n")
				}
				fmt.Fprintf(b, "%s %s", vs.key, system)
				last = system
			}
			b.WriteString(" " + code)
		}
		b.WriteString("\n")
	}
	b.WriteString("`\n")
}

func wrap(words []string) string {
	var b strings.Builder
	width := 0
	for _, w := range words {
		if width += len(w) + 1; width > 110 {
			b.WriteString("\n")
			width = len(w)
		} else if b.Len() > 0 {
			b.WriteString(" ")
		}
		b.WriteString(w)
	}
	return b.String()
}
