package translation

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// messageSets are the sets of the target: v2 -> FHIR -> v2 per set.
var messageSets = map[string]string{
	"ADT": "ADT", "ORM": "ORM/OMG/OSU", "OMG": "ORM/OMG/OSU", "OSU": "ORM/OMG/OSU", "REF": "REF/RRI", "RRI": "REF/RRI", "SIU": "SIU", "MDM": "MDM",
	"ORU": "ORU", "RDE": "RDE/OMP", "OMP": "RDE/OMP", "PPR": "PPR/PGL/PPP", "PGL": "PPR/PGL/PPP", "PPP": "PPR/PGL/PPP", "PPG": "PPR/PGL/PPP",
}

func (s *sample) set() string {
	if name := messageSets[s.kind()]; name != "" {
		return name
	}
	return "other"
}

// kept counts leaves that came back in their place.
type kept struct{ Kept, Of int }

func (k *kept) add(ok bool) {
	k.Of++
	if ok {
		k.Kept++
	}
}

func (k *kept) String() string { return fmt.Sprintf("%d/%d", k.Kept, k.Of) }

type keptBy map[string]*kept

func (m keptBy) of(key string) *kept {
	if m[key] == nil {
		m[key] = &kept{}
	}
	return m[key]
}

func (m keptBy) print() map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = fmt.Sprintf("%s = %.2f %%", v, share(v.Kept, v.Of))
	}
	return out
}

var wholeDate = regexp.MustCompile(`^(19|20)\d{2}(0[1-9]|1[0-2])(\d{2}(\d{4}(\d{2}(\.\d{1,4})?)?)?)?([+-]\d{4})?$`)

// special names the sets that must come back whole: identifiers, consents, dates.
func special(p hl7v2.Path, text string) []string {
	var out []string
	switch field := fmt.Sprint(p.Segment, "-", p.Field); {
	case slices.Contains([]string{"PID-3", "ORC-2", "ORC-3", "RF1-6"}, field):
		out = append(out, field)
	case p.Segment == "CON":
		out = append(out, "CON")
	}
	if wholeDate.MatchString(text) && p.Field > 1 {
		out = append(out, "dates")
	}
	return out
}

// TestWayBack measures v2 -> FHIR -> v2: every leaf of the message at the same segment, field,
// repetition and component; with the carriers, and without any of them.
func TestWayBack(t *testing.T) {
	t.Parallel()
	p, homes := proveProfile(t), homeFields(t)
	with, without, mapped, specials := keptBy{}, keptBy{}, keptBy{}, keptBy{}
	lost, lostBare, extras := tally{}, tally{}, tally{}
	identical, extra, messages, failed := 0, 0, 0, 0
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		messages++
		back, err := wayBack(s.bundle, p)
		if err != nil {
			failed++
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		bare, err := wayBack(bareOf(s.bundle), p)
		if err != nil {
			failed++
			t.Errorf("%s without carriers: %v", s.name, err)
			continue
		}
		if string(back.Encode()) == string(s.msg.Encode()) {
			identical++
		}
		extra += extraLeaves(back, s.msg, extras)
		for _, l := range s.result.Leaves {
			at, _ := hl7v2.ParsePath(l.Path)
			text := s.msg.At(at)
			same := back.At(at) == text
			with.of(s.set()).add(same)
			for _, name := range special(at, text) {
				specials.of(name).add(same)
			}
			field := fmt.Sprint(at.Segment, "-", at.Field)
			if !same {
				lost[fmt.Sprint(field, " ", l.Class)]++
			}
			if homes.has(s, field) {
				ok := bare.At(at) == text
				without.of(s.set()).add(ok)
				if l.Class == translate.Mapped {
					mapped.of(s.set()).add(ok)
				}
				if !ok {
					lostBare[fmt.Sprint(field, ".", max(at.Component, 1), " ", l.Class)]++
				}
			}
		}
	}
	report(t, "wayback-lost.txt", lost.top(1000))
	report(t, "wayback-extra.txt", extras.top(300))
	report(t, "wayback-bare-lost.txt", lostBare.top(1000))
	figure(t, 4, "v2 -> FHIR -> v2 in place", messages, "sets", with.print(), "identicalMessages", identical, "extraLeaves", extra, "failed", failed)
	figure(t, 4, "identifiers, consents and dates in place", messages, "sets", specials.print())
	figure(t, 4, "in place without carriers, fields with a FHIR home", messages, "sets", without.print(), "ofMappedLeaves", mapped.print())
	for name, k := range with {
		must(t, name == "other" || share(k.Kept, k.Of) >= 99.5, "%s: %s leaves in place", name, k)
	}
	for name, k := range specials {
		must(t, k.Kept == k.Of, "%s: %s leaves in place", name, k)
	}
	for name, k := range without {
		must(t, name == "other" || share(k.Kept, k.Of) >= 99.5, "%s without carriers: %s leaves in place", name, k)
	}
	must(t, extra == 0, "%d leaves came back that were not sent", extra)
}

func wayBack(bundle *fhir.Node, p translate.Profile) (*hl7v2.Message, error) {
	raw, _, err := translate.ToV2(bundle, p, translate.Meta{})
	if err != nil {
		return nil, err
	}
	return hl7v2.Parse(raw)
}

// extraLeaves counts leaves that the message that came back has and the sent one has not.
func extraLeaves(back, sent *hl7v2.Message, where tally) int {
	n := 0
	for i := range back.Len() {
		segment := back.Segment(i)
		for f := 1; f <= segment.FieldCount(); f++ {
			if segment.Name() == "MSH" && f <= 2 {
				continue
			}
			for rep := 1; rep <= segment.Field(f).Repetitions(); rep++ {
				for _, l := range (spot{back, i, f, rep}).leaves() {
					if sent.At(l.path) == "" {
						n++
						where[fmt.Sprint(fieldName(spot{back, i, f, rep}), " ", sent.Get("MSH-9.1"))]++
					}
				}
			}
		}
	}
	return n
}

// homesBy says for the table that reads a structure which fields have a FHIR home there.
type homesBy map[string]map[string]bool

// homeFields are the fields that a table of the message's structure puts into a FHIR element
// and takes back from it: an order has no place for what a result says of its interpreter.
func homeFields(t *testing.T) homesBy {
	t.Helper()
	rows, err := translate.Rows()
	if err != nil {
		t.Fatal(err)
	}
	byTable := map[string][]string{}
	for _, r := range rows {
		segment, _, _ := strings.Cut(r.Table, ".")
		if r.Field > 0 && r.Way == "<>" && strings.Contains(r.Target, ".") {
			byTable[r.Table] = append(byTable[r.Table], fmt.Sprint(segment, "-", r.Field))
		}
	}
	files, err := filepath.Glob("../../translate/tables/structure/*.tsv")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	out := homesBy{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".tsv")
		out[name] = map[string]bool{}
		structure, err := tsv(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range structure {
			for _, field := range byTable[r["table"]] {
				out[name][field] = true
			}
		}
	}
	events, err := tsv("../../translate/tables/events.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		out[e["code"]+"^"+e["trigger"]] = out[e["table"]]
	}
	return out
}

// has tells whether a field has a home in messages such as this one.
func (h homesBy) has(s *sample, field string) bool {
	code, trigger := s.msg.Get("MSH-9.1"), s.msg.Get("MSH-9.2")
	for _, name := range []string{code + "^" + trigger, code + "^*", s.msg.Get("MSH-9.3"), "ANY"} {
		if fields := h[name]; fields != nil {
			return fields[field]
		}
	}
	return false
}

// bareOf returns the Bundle without any carrier, and without what only a carrier made.
func bareOf(bundle *fhir.Node) *fhir.Node {
	out := bundle.Clone()
	strip(out)
	return out
}

func strip(n *fhir.Node) {
	for name, child := range n.Members() {
		if name == "extension" {
			child.KeepItems(func(ext *fhir.Node) bool { return !carrier(ext) })
		}
	}
	for _, child := range n.Members() {
		strip(child)
	}
	for _, child := range n.Items() {
		strip(child)
	}
	var empty []string
	for name, child := range n.Members() {
		child.KeepItems(func(item *fhir.Node) bool { return item.Kind() != fhir.Object || item.Len() > 0 })
		if (child.Kind() == fhir.Object || child.Kind() == fhir.Array) && child.Len() == 0 {
			empty = append(empty, name)
		}
	}
	for _, name := range empty {
		n.Remove(name)
	}
}
