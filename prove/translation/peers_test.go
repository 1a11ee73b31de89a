package translation

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"caregate/fhir"
)

// The classes of disagreement with another translator's published output.
const (
	agrees      = "agrees"
	placeholder = "they: a placeholder address"             // example.com
	invented    = "they: what the message does not say"     // defaults, guesses
	otherTime   = "they: another precision or offset"       // padded, server zone
	otherPlace  = "we: the same text at another element"    // documented choice
	otherCode   = "both: another code"                      // both say something
	deviation   = "we: a deviation with a reason"           // deviations.tsv
	lacking     = "open: the message says it and we do not" // they are right
	more        = "we: more than they"                      // we say it, they do not
)

// compared is one element that both may say.
type compared struct {
	resource, path, kind string
	steps                []pathStep
}

func comparedPaths(t *testing.T) []compared {
	t.Helper()
	rows, err := tsv("testdata/compared.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out []compared
	for _, r := range rows {
		steps, err := parseTarget(r["resource"], r["path"])
		if err != nil {
			t.Fatalf("%s.%s: %v", r["resource"], r["path"], err)
		}
		out = append(out, compared{r["resource"], r["path"], r["kind"], steps})
	}
	return out
}

// TestPeers compares what we make of a message with what Microsoft's converter, ReportStream
// and the guide's own example make of it, element by element, and classifies each disagreement.
func TestPeers(t *testing.T) {
	t.Parallel()
	dir := corpus(t)
	if dir == "" {
		t.Skip("the published outputs are in the corpus")
	}
	paths, s := comparedPaths(t), said(t)
	counts := map[string]tally{}
	open := tally{}
	deviates, disputes := deviatingFields(t), settled(t)
	messages := 0
	for _, m := range samples(t) {
		data, err := os.ReadFile(filepath.Join(dir, "expected", strings.TrimSuffix(m.file, ".hl7")+".fhir.json"))
		if err != nil || m.err != nil {
			continue
		}
		theirs, err := fhir.Parse(data)
		if err != nil {
			t.Logf("%s: their output does not parse: %v", m.file, err)
			continue
		}
		messages++
		peer := m.file[:2]
		if counts[peer] == nil {
			counts[peer] = tally{}
		}
		b, w := newBench(m), newWorld(theirs)
		leaves := allLeaves(m)
		for _, c := range paths {
			ours, other := plainTexts(b.world.find(c.resource, c.steps, false)), plainTexts(w.find(c.resource, c.steps, false))
			for _, text := range other {
				class, field := b.disagreement(s, c, text, ours, leaves)
				if class == lacking && deviates[field] {
					class = deviation
				}
				at := c.resource + "." + c.path
				segment, _, _ := strings.Cut(field, "-")
				why := cmp.Or(disputes[at+" "+text+" "+strings.Join(ours, ",")], disputes[at+" "+text+" "])
				if class == lacking {
					why = cmp.Or(disputes[at+" from "+field+" "], disputes["any from "+field+" "], disputes["any from "+segment+" "])
				}
				if (class == otherCode || class == lacking) && why != "" {
					class = "settled: " + why
				}
				counts[peer][class]++
				switch class {
				case lacking:
					open[fmt.Sprint("open ", peer, " ", at, " ", m.kind(), " from ", field)]++
				case otherCode:
					open[fmt.Sprint("both ", peer, " ", at, " ", m.kind(), ": they ", text, ", we ", strings.Join(ours, ","))]++
				}
			}
			for _, text := range ours {
				if !slices.Contains(other, text) {
					counts[peer][more]++
				}
			}
		}
	}
	report(t, "peers-open.txt", open.top(1000))
	names := map[string]string{"ms": "Microsoft FHIR-Converter", "rs": "ReportStream", "ig": "the guide's example"}
	for peer, c := range counts {
		figure(t, 6, "compared with "+names[peer], c.sum()-c[more], "classes", c)
	}
	figure(t, 6, "elements where another translator is right and we are silent", messages, "elements", open.top(12))
	n := 0
	for _, c := range counts {
		n += c[lacking] + c[otherCode]
	}
	must(t, n == 0, "%d values that another translator has from the message and we have not, or in another code that is not settled", n)
}

// plainTexts are the texts of primitive elements, each once.
func plainTexts(nodes []*fhir.Node) []string {
	var out []string
	for _, n := range nodes {
		if n.Kind() != fhir.Object && n.Kind() != fhir.Array && n.Text() != "" && !slices.Contains(out, n.Text()) {
			out = append(out, n.Text())
		}
	}
	return out
}

// fieldText is one leaf and the field that says it.
type fieldText struct{ field, text string }

func allLeaves(m *sample) []fieldText {
	var out []fieldText
	for i := range m.msg.Len() {
		segment := m.msg.Segment(i)
		for f := 1; f <= segment.FieldCount(); f++ {
			for rep := 1; rep <= segment.Field(f).Repetitions(); rep++ {
				at := spot{m.msg, i, f, rep}
				for _, l := range at.leaves() {
					out = append(out, fieldText{fieldName(at), l.text})
				}
			}
		}
	}
	return out
}

// deviatingFields are the fields that deviations.tsv names.
func deviatingFields(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	reason, _ := deviationsOf(t)
	for _, r := range guide(t) {
		if reason(r) != "" {
			out[r.segment+"-"+strconv.Itoa(r.number)] = true
		}
	}
	return out
}

// settled are the disputes that were looked into: "Encounter.status planned finished" over a code, "Organization.name from
// GT1-11" over what only they say, "any from FT1" of a whole segment -> who is right, and why.
func settled(t *testing.T) map[string]string {
	t.Helper()
	rows, err := tsv("testdata/disputes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows {
		out[r["element"]+" "+r["theirs"]+" "+r["ours"]] = r["verdict"]
	}
	return out
}

// disagreement classifies one value that another translator has at an element, and names
// the first field of the message that says it.
func (b *bench) disagreement(s saying, c compared, text string, ours []string, leaves []fieldText) (class, field string) {
	fold := func(o string) bool { return strings.EqualFold(strings.TrimSpace(o), strings.TrimSpace(text)) }
	switch {
	case slices.ContainsFunc(ours, fold):
		return agrees, ""
	case strings.Contains(text, "example.com"):
		return placeholder, ""
	case c.kind == "time" && slices.ContainsFunc(ours, func(o string) bool { return sameDay(o, text) }):
		return otherTime, ""
	case c.kind == "code" && len(ours) > 0:
		return otherCode, ""
	}
	i := slices.IndexFunc(leaves, func(l fieldText) bool {
		if c.kind == "code" {
			return slices.Contains(s[l.text], text) || strings.EqualFold(l.text, text)
		}
		return l.text == text || (len(l.text) >= 3 && s.found(l.text, []string{text}))
	})
	switch {
	case i < 0:
		return invented, ""
	case slices.ContainsFunc(b.all, fold), s.found(text, b.all):
		return otherPlace, leaves[i].field
	}
	return lacking, leaves[i].field
}

func sameDay(a, b string) bool {
	x, y := nonDigit.ReplaceAllString(a, ""), nonDigit.ReplaceAllString(b, "")
	n := min(8, len(x), len(y))
	return n >= 4 && x[:n] == y[:n]
}
