// Command conceptmaps writes our maps as FHIR ConceptMap files into a folder.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"caregate/translate"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "conceptmaps:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func write(dir string) error {
	maps, err := translate.ConceptMaps()
	if err != nil {
		return err
	}
	for _, m := range maps {
		var b bytes.Buffer
		if err := json.Indent(&b, m.JSON(), "", "  "); err != nil {
			return err
		}
		b.WriteByte('\n')
		if err := os.WriteFile(filepath.Join(dir, "ConceptMap-"+m.ID()+".json"), b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
