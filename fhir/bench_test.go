package fhir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// documents are the Bundles of the flows: the sizes and shapes of real messages.
func documents(b testing.TB) (all [][]byte, size int64) {
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

type way struct {
	name string
	trip func([]byte) error
}

// ways reads and writes a document: as encoding/json into a map, as the node that the pipeline
// carries, and through the structs.
func ways() []way {
	return []way{
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
}

func BenchmarkRoundTrip(b *testing.B) {
	all, size := documents(b)
	for _, way := range ways() {
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

// The speed beside encoding/json: the median of five alternating rounds in one run.
func TestSpeedBesideMap(t *testing.T) {
	if os.Getenv("CAREGATE_PROVE") != "full" {
		t.Skip("measured with CAREGATE_PROVE=full; make bench has the rest")
	}
	all, size := documents(t)
	took := map[string][]time.Duration{}
	for range 5 {
		for _, way := range ways() {
			start := time.Now()
			for range 100 {
				for _, data := range all {
					if err := way.trip(data); err != nil {
						t.Fatal(err)
					}
				}
			}
			took[way.name] = append(took[way.name], time.Since(start))
		}
	}
	median := func(name string) float64 {
		slices.Sort(took[name])
		return took[name][2].Seconds()
	}
	t.Logf("%d documents, %d bytes; times as fast as encoding/json into a map: node %.2f, structs %.2f",
		len(all), size, median("map")/median("node"), median("map")/median("structs"))
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
