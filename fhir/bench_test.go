package fhir

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// documents are the Bundles of the flows: the sizes and shapes of real messages.
func documents(b *testing.B) (all [][]byte, size int64) {
	names, err := filepath.Glob(filepath.Join("..", "testdata", "flows", "*", "*.json"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		data := readFile(b, name)
		if n, err := Parse(data); err == nil && n.ResourceType() != "" {
			all = append(all, data)
			size += int64(len(data))
		}
	}
	if len(all) < 20 {
		b.Fatalf("only %d documents", len(all))
	}
	return all, size
}

// BenchmarkRoundTrip reads and writes the flows: once as the node that the pipeline carries,
// once through the structs, and beside them encoding/json into a map.
func BenchmarkRoundTrip(b *testing.B) {
	all, size := documents(b)
	ways := []struct {
		name string
		trip func([]byte) error
	}{
		{"map", func(data []byte) error {
			var m map[string]any
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			_, err := json.Marshal(m)
			return err
		}},
		{"node", func(data []byte) error {
			n, err := Parse(data)
			if err == nil {
				n.JSON()
			}
			return err
		}},
		{"structs", func(data []byte) error {
			n, err := Parse(data)
			if err != nil {
				return err
			}
			back, err := throughStructs(n)
			if err == nil {
				back.JSON()
			}
			return err
		}},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				for _, data := range all {
					if err := way.trip(data); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkValidate(b *testing.B) {
	all, size := documents(b)
	var nodes []*Node
	for _, data := range all {
		n, err := Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	b.SetBytes(size)
	for b.Loop() {
		for _, n := range nodes {
			Validate(n)
		}
	}
}

func BenchmarkRedact(b *testing.B) {
	bundle := flowBundle(b, "01*/*transaction.json")
	r := Redaction{
		Withhold: map[string]bool{"Condition/cond-ptsd": true},
		Elements: map[string][]string{"Patient/child-il-1": {"address", "telecom"}},
	}
	b.SetBytes(int64(len(bundle.JSON())))
	for b.Loop() {
		Redact(bundle, r)
	}
}
