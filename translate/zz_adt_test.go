package translate

import (
	"fmt"
	"os"
	"strings"
	"slices"
	"testing"

	"caregate/hl7v2"
)

func TestZZADT(t *testing.T) {
	name := os.Getenv("ZZ")
	if name == "" {
		t.Skip()
	}
	data, _ := os.ReadFile(name)
	m := parse(t, string(data))
	p := flowProfile(t)
	if os.Getenv("ZZCON") != "" {
		p.Codes["0498.status"] = Codes{"A": "active"}
	}
	r := toFHIR(t, m, p)
	b, _, err := ToV2(r.Bundle, p, Meta{})
	fmt.Println(strings.ReplaceAll(string(b), "\r", "\n"), err)
	if os.Getenv("ZZJ") != "" {
		fmt.Println(string(indent(t, r.Bundle.JSON())))
	}
	for _, l := range r.Leaves {
		if l.Class != Mapped {
			fmt.Println(l)
		}
	}
	for _, l := range r.Issues {
		fmt.Println(l)
	}
}

func TestZZCount(t *testing.T) {
	p := flowProfile(t)
	per := map[string]map[Class]int{}
	top := map[string]int{}
	ig, _ := os.ReadFile("/work/shared/corpus/hl7v2/ig-mapped-fields.tsv")
	mapped := map[string]bool{}
	for _, l := range strings.Split(string(ig), "\n") {
		f := strings.Split(l, "\t")
		if len(f) > 2 {
			mapped[f[1]] = true
		}
	}
	all, ok := 0, 0
	for _, m := range messages(t) {
		if m.Get("MSH-9.1") != "ADT" {
			continue
		}
		maps, _ := loaded()
		if maps.structureOf("ADT", m.Get("MSH-9.2")) == nil {
			continue
		}
		r := toFHIR(t, m, p)
		k := m.Get("MSH-9.2")
		if per[k] == nil {
			per[k] = map[Class]int{}
		}
		for _, l := range r.Leaves {
			per[k][l.Class]++
			pp, _ := hl7v2.ParsePath(l.Path)
			name := fmt.Sprintf("%s-%d", pp.Segment, pp.Field)
			if l.Class == Unread {
				top["unread "+pp.Segment]++
			}
			if mapped[name] && len(m.At(pp)) >= 4 {
				all++
				if l.Class == Mapped {
					ok++
				} else {
					top["lost "+fmt.Sprintf("%s.%d.%d", name, pp.Component, pp.Subcomponent)]++
				}
			}
		}
	}
	fmt.Println(per)
	fmt.Println("survival", ok, all, float64(ok)*100/float64(all))
	type kv struct {
		k string
		v int
	}
	var kvs []kv
	for k, v := range top {
		kvs = append(kvs, kv{k, v})
	}
	slices.SortFunc(kvs, func(a, b kv) int { return b.v - a.v })
	for _, x := range kvs[:min(90, len(kvs))] {
		fmt.Print(x.k, " ", x.v, "; ")
	}
}
