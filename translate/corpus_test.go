package translate

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
)

// messages returns the messages of the flows, and of the corpus where CAREGATE_CORPUS names it.
func messages(t *testing.T) map[string]*hl7v2.Message {
	t.Helper()
	files, err := filepath.Glob("../testdata/flows/*/*.hl7")
	if err != nil || len(files) == 0 {
		t.Fatalf("no flow messages found: %v", err)
	}
	if dir := os.Getenv("CAREGATE_CORPUS"); dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "hl7v2", "*.hl7"))
		if err != nil || len(more) == 0 {
			t.Fatalf("CAREGATE_CORPUS is set and has no messages: %v", err)
		}
		files = append(files, more...)
	}
	out := map[string]*hl7v2.Message{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := hl7v2.Split(data)
		if err != nil {
			continue // refused before it reaches translation
		}
		for i, part := range parts {
			if m, err := hl7v2.Parse(part); err == nil {
				out[filepath.Base(file)+"#"+itoa(i+1)] = m
			}
		}
	}
	return out
}

func flowProfile(t *testing.T) Profile {
	t.Helper()
	data, err := os.ReadFile("../testdata/translate/profile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := LoadProfile(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryMessageGivesAValidBundle(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	counts := map[Class]int{}
	all := messages(t)
	for name, m := range all {
		r, err := ToFHIR(m, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, issue := range fhir.Validate(r.Bundle) {
			if issue.Severity == "error" {
				t.Errorf("%s: %s: %s", name, issue.Path, issue.Text)
			}
		}
		for _, ref := range dangling(r.Bundle) {
			t.Errorf("%s: dangling reference at %s", name, ref)
		}
		if again, _ := ToFHIR(m, p); !bytes.Equal(again.Bundle.JSON(), r.Bundle.JSON()) {
			t.Errorf("%s: two runs differ", name)
		}
		if _, err := fhir.Parse(r.Bundle.JSON()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, l := range r.Leaves {
			counts[l.Class]++
		}
		if got, want := len(r.Leaves), valuedLeaves(m); got != want {
			t.Errorf("%s: %d leaves accounted for, %d are valued", name, got, want)
		}
	}
	t.Logf("%d messages, leaves: %v", len(all), counts)
}

// valuedLeaves counts leaves by the parser alone, MSH-1 and MSH-2 left out.
func valuedLeaves(m *hl7v2.Message) int {
	n := 0
	for i := range m.Len() {
		s := m.Segment(i)
		for f := 1; f <= s.FieldCount(); f++ {
			if s.Name() == "MSH" && f <= 2 {
				continue
			}
			for r := 1; r <= s.Field(f).Repetitions(); r++ {
				rep := s.Field(f).Rep(r)
				for c := 1; c <= rep.Components(); c++ {
					for sub := 1; sub <= rep.Component(c).Subs(); sub++ {
						if rep.Component(c).RawSub(sub) != "" {
							n++
						}
					}
				}
			}
		}
	}
	return n
}

// dangling returns the references of a Bundle that lead to nothing in it.
func dangling(bundle *fhir.Node) []string {
	have := map[string]bool{}
	for _, n := range fhir.Entries(bundle) {
		have[n.Ref()] = true
		for _, c := range n.Get("contained").Items() {
			have["#"+c.ID()] = true
		}
	}
	var out []string
	var walk func(n *fhir.Node, path string)
	walk = func(n *fhir.Node, path string) {
		if ref := n.Get("reference"); ref.Kind() == fhir.String && !have[ref.Text()] {
			out = append(out, path)
		}
		for name, child := range n.Members() {
			walk(child, path+"."+name)
		}
		for i, child := range n.Items() {
			walk(child, path+"["+itoa(i)+"]")
		}
	}
	walk(bundle, "Bundle")
	return out
}

// TestWayBack measures how many leaves stand in place after v2 -> FHIR -> v2.
func TestWayBack(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	kept, total, unread := 0, 0, 0
	sets := map[string][2]int{}
	for name, m := range messages(t) {
		code := m.Get("MSH-9.1")
		maps, err := loaded()
		if err != nil {
			t.Fatal(err)
		}
		if maps.structureOf(code, m.Get("MSH-9.2"), m.Get("MSH-9.3")) == nil {
			continue
		}
		r, err := ToFHIR(m, p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// the Bundle is read again from its bytes, as a store would hand it out
		bundle, err := fhir.Parse(r.Bundle.JSON())
		if err != nil {
			t.Fatal(err)
		}
		raw, _, err := ToV2(bundle, p, Meta{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, err := hl7v2.Parse(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		k, n, u := inPlace(t, name, m, back, r.Leaves)
		kept, total, unread = kept+k, total+n, unread+u
		sets[code] = [2]int{sets[code][0] + k, sets[code][1] + n}
	}
	t.Logf("leaves in place: %d of %d (%.2f %%); %d more are issues", kept, total, 100*float64(kept)/float64(max(total, 1)), unread)
	t.Logf("in place, of: %v", sets)
	if total == 0 || kept != total {
		t.Errorf("%d of %d leaves are not in place", total-kept, total)
	}
}

// inPlace counts the leaves that came back, out of those that are not in the issue list only.
// Segments without a table shift the count of those after them: they are compared by what they hold.
func inPlace(t *testing.T, name string, m, back *hl7v2.Message, leaves []Leaf) (kept, total, unread int) {
	t.Helper()
	skipped := map[string]bool{}
	for _, l := range leaves {
		if l.Class == Unread {
			unread++
			p, _ := hl7v2.ParsePath(l.Path)
			skipped[p.Segment+itoa(max(p.Sequence, 1))+segmentOnly(m, p, leaves)] = true
		}
	}
	for _, l := range leaves {
		if l.Class == Unread {
			continue
		}
		p, err := hl7v2.ParsePath(l.Path)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, l.Path, err)
		}
		q := p
		for s := 1; s < max(p.Sequence, 1); s++ {
			if skipped[p.Segment+itoa(s)+"whole"] {
				q.Sequence--
			}
		}
		total++
		if m.At(p) == back.At(q) {
			kept++
		} else {
			t.Logf("%s: %s (%s) is not in place", name, l.Path, l.Class)
		}
	}
	return kept, total, unread
}

// segmentOnly returns "whole" where no leaf of the segment was read.
func segmentOnly(_ *hl7v2.Message, at hl7v2.Path, leaves []Leaf) string {
	for _, l := range leaves {
		p, _ := hl7v2.ParsePath(l.Path)
		if p.Segment == at.Segment && p.Sequence == at.Sequence && l.Class != Unread {
			return ""
		}
	}
	return "whole"
}

// TestTheWayBackIsStable: what was written back, translated and written back again, is the same message.
func TestTheWayBackIsStable(t *testing.T) {
	t.Parallel()
	p := flowProfile(t)
	for name, m := range messages(t) {
		r, err := ToFHIR(m, p)
		if err != nil {
			continue // another test names it
		}
		back, _, err := ToV2(r.Bundle, p, Meta{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		second, err := hl7v2.Parse(back)
		if err != nil {
			t.Errorf("%s: the way back is no message: %v", name, err)
			continue
		}
		if again, _, err := ToV2(toFHIR(t, second, p).Bundle, p, Meta{}); err != nil || !bytes.Equal(again, back) {
			t.Errorf("%s: the second way back is another message: %v", name, err)
		}
	}
}
