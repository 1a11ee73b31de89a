package house

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // for the backup of the ledger
)

// exposure is every place where somebody who may not read a message could look, by name.
type exposure map[string][]byte

// folder adds every file below a folder as it is now.
func (e exposure) folder(t *testing.T, name, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		e[name+"/"+relative] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// backup adds a copy of the ledger as SQLite itself makes it.
func (e exposure) backup(t *testing.T, name, data string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(data, "ledger.db")+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	path := filepath.Join(t.TempDir(), "backup.db")
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", path); err != nil {
		t.Fatal(err)
	}
	e[name] = readFile(t, path)
}

func (e exposure) bytes() (n int) {
	for _, data := range e {
		n += len(data)
	}
	return n
}

// sighting is one form of one canary in one place.
type sighting struct{ canary, form, where string }

// form is one way to write a canary down. A folded one is looked for whatever its case.
type form struct {
	canary, name string
	folded       bool
	text         []byte
}

// head is how many bytes of every form lead to it.
const head = 8

// search finds the forms of all canaries in one pass.
type search struct{ folded, exact map[[head]byte][]form }

// newSearch looks for each canary as text in any case, in UTF-16, as hex, and as base64 wherever
// in the encoded text it begins.
func newSearch(canaries []string) search {
	s := search{map[[head]byte][]form{}, map[[head]byte][]form{}}
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

func (s search) add(f form) {
	index, key := s.exact, [head]byte(f.text)
	if f.folded {
		index = s.folded
	}
	if !slices.ContainsFunc(index[key], func(have form) bool { return bytes.Equal(have.text, f.text) }) {
		index[key] = append(index[key], f)
	}
}

// in counts what stands where.
func (s search) in(e exposure) map[sighting]int {
	found := map[sighting]int{}
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

func look(data []byte, where string, index map[[head]byte][]form, found map[sighting]int) {
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
				found[sighting{f.canary, f.name, where}]++
			}
		}
	}
}

// TestSearchFindsEveryForm is the twin of a scan without hits.
func TestSearchFindsEveryForm(t *testing.T) {
	t.Parallel()
	s := newSearch([]string{"Kanarabcdefghij"})
	for name, text := range map[string]string{
		"text": "x KANARabcDEFghij y", "hex": "00" + hex.EncodeToString([]byte("Kanarabcdefghij")) + "11", "utf-16": "K\x00a\x00n\x00a\x00r\x00a\x00b\x00c\x00d\x00e\x00f\x00g\x00h\x00i\x00j\x00",
		"base64": base64.StdEncoding.EncodeToString([]byte("Kanarabcdefghij")), "base64 ": base64.URLEncoding.EncodeToString([]byte(".kanarabcdefghij?>")), "base64  ": base64.StdEncoding.EncodeToString([]byte("..KANARABCDEFGHIJ")),
	} {
		found := s.in(exposure{"here": []byte(text)})
		if found[sighting{"Kanarabcdefghij", strings.TrimSpace(name), "here"}] != 1 {
			t.Errorf("%s: %v in %q", name, found, text)
		}
	}
	if found := s.in(exposure{"here": []byte("Kanarabcdefghi and Kanarabcdefghi_j")}); len(found) != 0 {
		t.Errorf("found %v where there is none", found)
	}
}
