// Command reference writes docs/configuration.md and the JSON Schemas of configuration
// files and outputs from the comments and tags of the Go structs, so that they cannot
// differ from what is read and written. go generate runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// write writes every generated page of the tree at root.
func write(root string) error {
	pages, err := generate(root)
	if err != nil {
		return err
	}
	for name, content := range pages {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// document is one file that people write or programs read.
type document struct {
	folder, typ, tag string // Go folder, struct, and tag that holds the keys
	schema           string // name of its schema
	title            string // headline in docs/configuration.md; "" for an output
	intro            string
}

var documents = []document{
	{"config", "Site", "yaml", "caregate", "caregate.yaml", "What holds for the gateway as a whole."},
	{"config", "Partner", "yaml", "partner", "partners/NAME.yaml", "One file for each organisation that sends or receives. NAME is its id."},
	{"config", "Routes", "yaml", "routes", "routes.yaml", "Who is told what, and for which purpose."},
	{"config", "Codes", "yaml", "codes", "codes/NAME.yaml", "What a partner's own HL7 v2 codes mean, where people said so. `caregate work resolve --as` and `--code` write it; SIGHUP makes a running gateway read it."},
	{"translate", "Profile", "yaml", "profile", "profile of HL7 v2", "How a partner's HL7 v2 looks: in `endpoints.mllp.profile`, in a file that it names, or for `caregate translate --profile`."},
	{"gateway", "Explanation", "json", "explanation", "", "One message of `caregate explain --json`."},
	{"gateway", "WorkItem", "json", "work", "", "One item of `caregate work list --json`."},
	{"translate", "Matrix", "json", "coverage", "", "The matrix of `caregate translate --coverage --json`."},
	{"translate", "Leaf", "json", "leaf", "", "One value of `caregate translate --why --json`, and of NAME.accounting.json."},
	{"config/workbench", "Shown", "json", "shown", "", "One line of `caregate hl7 show --json`."},
	{"config/workbench", "Difference", "json", "difference", "", "One difference of `caregate hl7 diff --json`."},
	{"config", "Problem", "json", "problem", "", "One problem of `caregate check --json`."},
	{"adapters", "Issue", "json", "issue", "", "One located problem of a message."},
}

// generate returns every page by its path.
func generate(root string) (map[string][]byte, error) {
	s := newSource(root)
	pages := map[string][]byte{}
	manual := []byte(head)
	for _, d := range documents {
		fields, err := s.fields(d.folder, d.typ, d.tag)
		if err != nil {
			return nil, err
		}
		schema, err := d.jsonSchema(fields)
		if err != nil {
			return nil, err
		}
		pages["docs/schema/"+d.schema+".schema.json"] = schema
		if d.title != "" {
			manual = append(manual, d.markdown(fields)...)
		}
	}
	pages["docs/configuration.md"] = slices.Concat(manual, []byte(foot))
	return pages, nil
}
