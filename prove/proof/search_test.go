package proof

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

// TestSearchFindsEveryForm is the twin of a scan without hits.
func TestSearchFindsEveryForm(t *testing.T) {
	t.Parallel()
	s := NewSearch([]string{"Kanarabcdefghij"})
	for name, text := range map[string]string{
		"text": "x KANARabcDEFghij y", "hex": "00" + hex.EncodeToString([]byte("Kanarabcdefghij")) + "11", "utf-16": "K\x00a\x00n\x00a\x00r\x00a\x00b\x00c\x00d\x00e\x00f\x00g\x00h\x00i\x00j\x00",
		"base64": base64.StdEncoding.EncodeToString([]byte("Kanarabcdefghij")), "base64 ": base64.URLEncoding.EncodeToString([]byte(".kanarabcdefghij?>")), "base64  ": base64.StdEncoding.EncodeToString([]byte("..KANARABCDEFGHIJ")),
	} {
		found := s.In(map[string][]byte{"here": []byte(text)})
		if found[Sighting{"Kanarabcdefghij", strings.TrimSpace(name), "here"}] != 1 {
			t.Errorf("%s: %v in %q", name, found, text)
		}
	}
	if found := s.In(map[string][]byte{"here": []byte("Kanarabcdefghi and Kanarabcdefghi_j")}); len(found) != 0 {
		t.Errorf("found %v where there is none", found)
	}
}
