package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const version = "4.0.1"

type structureDefinition struct {
	ResourceType, ID, Kind, Derivation, Version, Description string
	Abstract                                                 bool
	Snapshot                                                 struct{ Element []elementDefinition }
}

type elementDefinition struct {
	Path, Max, ContentReference, Short string
	Min                                int
	Type                               []struct {
		Code          string
		TargetProfile []string
	}
	Binding struct{ Strength, ValueSet string }
}

type concept struct {
	Code    string
	Concept []concept
}

type include struct {
	System   string
	Concept  []concept
	Filter   []json.RawMessage
	ValueSet []string
}

type terminology struct {
	ResourceType, URL, Name, Content string
	Concept                          []concept
	Compose                          struct{ Include, Exclude []include }
}

// definitions is what the generator needs of the package.
type definitions struct {
	structures  []structureDefinition        // datatypes, then resources, in the order of the package
	official    map[string]elementDefinition // leaf elements as HL7 published them, by path
	valueSets   map[string]terminology
	codeSystems map[string]terminology
}

func load(dir string) (*definitions, error) {
	d := &definitions{
		official:    map[string]elementDefinition{},
		valueSets:   map[string]terminology{},
		codeSystems: map[string]terminology{},
	}
	for _, name := range []string{"profiles-types.json", "profiles-resources.json"} {
		all, err := readBundle[structureDefinition](filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			if s.ResourceType == "StructureDefinition" && s.Derivation != "constraint" && s.Version == version {
				d.structures = append(d.structures, s)
			}
		}
	}
	leaves, err := readBundle[structureDefinition](filepath.Join(dir, "dataelements.json"))
	if err != nil {
		return nil, err
	}
	for _, s := range leaves {
		if e := s.Snapshot.Element[0]; e.Max != "0" {
			d.official[e.Path] = e
		}
	}
	return d, d.loadTerminology(dir)
}

func (d *definitions) loadTerminology(dir string) error {
	for _, name := range []string{"valuesets.json", "v3-codesystems.json", "v2-tables.json"} {
		all, err := readBundle[terminology](filepath.Join(dir, name))
		if err != nil {
			return err
		}
		for _, t := range all {
			switch t.ResourceType {
			case "ValueSet":
				d.valueSets[t.URL] = t
			case "CodeSystem":
				d.codeSystems[t.URL] = t
			}
		}
	}
	return nil
}

func readBundle[T any](path string) ([]T, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all := make([]T, 0, len(b.Entry))
	for _, e := range b.Entry {
		var t T
		// Other resource types of the file may not fit T; they are filtered by the caller.
		if err := json.Unmarshal(e.Resource, &t); err == nil {
			all = append(all, t)
		}
	}
	return all, nil
}

// elements answers with the elements of a structure as HL7 published them: the npm package adds
// elements of its own server and of later FHIR releases, which dataelements.json does not know.
func (d *definitions) elements(s structureDefinition) []elementDefinition {
	all := s.Snapshot.Element
	var kept []elementDefinition
	for i, e := range all {
		hasChildren := i+1 < len(all) && strings.HasPrefix(all[i+1].Path, e.Path+".")
		if official, ok := d.official[e.Path]; ok {
			e.Min, e.Max, e.Type, e.Binding = official.Min, official.Max, official.Type, official.Binding
		} else if !hasChildren && e.ContentReference == "" && !inherited(s.ID, e.Path) {
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

// inherited reports elements that dataelements.json lists only for the base type.
func inherited(structure, path string) bool {
	switch structure {
	case "Age", "Count", "Distance", "Duration": // specializations of Quantity
		return true
	}
	name := path[strings.LastIndex(path, ".")+1:]
	return name == "id" || name == "extension" || name == "modifierExtension" || path == structure
}
