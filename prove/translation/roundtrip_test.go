package translation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caregate/hl7v2"
)

// TestRoundTripBesidePeer counts, on the messages that ReportStream publishes its own round
// trip of, how many leaves stay in place there and here.
func TestRoundTripBesidePeer(t *testing.T) {
	t.Parallel()
	dir := corpus(t)
	if dir == "" {
		t.Skip("the published round trips are in the corpus")
	}
	p := proveProfile(t)
	ours, theirs, messages := kept{}, kept{}, 0
	for _, s := range samples(t) {
		data, err := os.ReadFile(filepath.Join(dir, "expected", strings.TrimSuffix(s.file, ".hl7")+".expected.hl7"))
		if err != nil || s.err != nil {
			continue
		}
		peer, err := hl7v2.Parse(data)
		if err != nil {
			t.Logf("%s: their message does not parse: %v", s.file, err)
			continue
		}
		back, err := wayBack(s.bundle, p)
		if err != nil {
			t.Fatal(err)
		}
		messages++
		for _, l := range s.result.Leaves {
			at, _, text := leafOf(s, l)
			ours.add(back.At(at) == text)
			theirs.add(peer.At(at) == text)
		}
	}
	figure(t, 4, "round trip beside ReportStream's", messages, "ours", ours.String(), "oursPercent", share(ours.Kept, ours.Of),
		"theirs", theirs.String(), "theirsPercent", share(theirs.Kept, theirs.Of))
	must(t, ours.Kept >= theirs.Kept, "%s leaves in place, theirs are %s", ours.String(), theirs.String())
}
