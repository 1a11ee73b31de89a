package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// Sighting is one form of one canary in one place.
type Sighting struct{ Canary, Form, Where string }

// form is one way to write a canary down. A folded one is looked for whatever its case.
type form struct {
	canary, name string
	folded       bool
	text         []byte
}

// head is how many bytes of every form lead to it.
const head = 8

// Search finds the forms of all canaries in one pass.
type Search struct{ folded, exact map[[head]byte][]form }

// NewSearch looks for each canary as text in any case, in UTF-16, as hex, and as base64 wherever
// in the encoded text it begins.
func NewSearch(canaries []string) Search {
	s := Search{map[[head]byte][]form{}, map[[head]byte][]form{}}
	for _, c := range canaries {
		for _, written := range []string{c, strings.ToLower(c), strings.ToUpper(c)} {
			s.add(form{c, "hex", true, []byte(hex.EncodeToString([]byte(written)))})
			for skip := range 3 {
				for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
					s.add(form{c, "base64", false, core(encoding, skip, written)})
				}
			}
		}
		s.add(form{c, "text", true, []byte(strings.ToLower(c))})
		s.add(form{c, "utf-16", true, []byte(strings.Join(strings.Split(strings.ToLower(c), ""), "\x00"))})
	}
	return s
}

// core is what of the base64 of a text does not depend on what stands before and behind it.
func core(encoding *base64.Encoding, skip int, text string) []byte {
	all := encoding.EncodeToString([]byte(strings.Repeat("\x00", skip) + text))
	return []byte(all[[]int{0, 2, 3}[skip] : (skip+len(text))*8/6])
}

func (s Search) add(f form) {
	index, key := s.exact, [head]byte(f.text)
	if f.folded {
		index = s.folded
	}
	if !slices.ContainsFunc(index[key], func(have form) bool { return bytes.Equal(have.text, f.text) }) {
		index[key] = append(index[key], f)
	}
}

// In counts what stands where.
func (s Search) In(e map[string][]byte) map[Sighting]int {
	found := map[Sighting]int{}
	for where, data := range e {
		look(data, where, s.exact, found)
		look(lower(data), where, s.folded, found)
	}
	return found
}

// lower folds the letters of ASCII and leaves every other byte where it is.
func lower(data []byte) []byte {
	out := bytes.Clone(data)
	for i, b := range out {
		if b >= 'A' && b <= 'Z' {
			out[i] = b + 'a' - 'A'
		}
	}
	return out
}

func look(data []byte, where string, index map[[head]byte][]form, found map[Sighting]int) {
	var begins [256][256]bool // few positions need the map
	for key := range index {
		begins[key[0]][key[1]] = true
	}
	for i := 0; i+head <= len(data); i++ {
		if !begins[data[i]][data[i+1]] {
			continue
		}
		for _, f := range index[[head]byte(data[i:])] {
			if bytes.HasPrefix(data[i:], f.text) {
				found[Sighting{f.canary, f.name, where}]++
			}
		}
	}
}

// Canary is 15 letters that nothing else contains, the same for the same name.
func Canary(name string) string {
	sum := sha256.Sum256([]byte("canary|" + name))
	text := []byte("kanar")
	for _, b := range sum[:10] {
		text = append(text, 'a'+b%26)
	}
	return string(text)
}
