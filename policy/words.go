package policy

import (
	"embed"
	"encoding/csv"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed words
var words embed.FS

// Reader is whom an explanation is written for.
type Reader string

// The readers.
const (
	ForEngineer Reader = "engineer"
	ForOfficer  Reader = "officer"
	ForParent   Reader = "parent"
)

// wordColumns is the head of a file of words.
var wordColumns = []string{"code", "engineer", "officer", "parent", "missing"}

// Words are the reasons of decisions in words, by language and reader. They are immutable.
type Words struct {
	lines map[string]map[string]wordLine // language -> code
}

type wordLine struct {
	text    map[Reader]string
	missing string // nearest missing item
}

// LoadWords reads the words that are built in, one file for a language: words/en.csv has
// the columns code, engineer, officer, parent and missing. Errors name file and line.
func LoadWords() (*Words, error) {
	w := &Words{lines: map[string]map[string]wordLine{}}
	files, err := fs.Glob(words, "words/*.csv")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if err := w.read(name); err != nil {
			return nil, fmt.Errorf("words %s: %w", name, err)
		}
	}
	return w, nil
}

func (w *Words) read(name string) error {
	file, err := words.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) == 0 || !slices.Equal(rows[0], wordColumns) {
		return fmt.Errorf("the columns must be %s", strings.Join(wordColumns, ", "))
	}
	lines := map[string]wordLine{}
	for i, row := range rows[1:] {
		if _, twice := lines[row[0]]; twice || slices.Contains(row, "") {
			return fmt.Errorf("row %d: %s is there twice, or a word is missing", i+2, row[0])
		}
		lines[row[0]] = wordLine{text: map[Reader]string{ForEngineer: row[1], ForOfficer: row[2], ForParent: row[3]}, missing: row[4]}
	}
	w.lines[strings.TrimSuffix(path.Base(name), ".csv")] = lines
	return nil
}

// Languages returns the languages that there are words for, sorted.
func (w *Words) Languages() []string {
	var all []string
	for lang := range w.lines {
		all = append(all, lang)
	}
	slices.Sort(all)
	return all
}

// Say puts a reason code into words. An unknown code, of a law that is newer than the
// words, is said by the code itself.
func (w *Words) Say(lang string, to Reader, code string) string {
	if line, known := w.lines[lang][code]; known {
		return line.text[to]
	}
	return code
}

// Missing says what would change a reason; "" for an unknown code.
func (w *Words) Missing(lang, code string) string { return w.lines[lang][code].missing }

// Sentence is one reason in words, with its source and what would change it. Only the
// engineer gets the form, the provision, and the very item that is missing; a parent gets
// no source.
func (w *Words) Sentence(lang string, to Reader, r Reason, withheld bool) string {
	out := w.Say(lang, to, r.Code)
	if to == ForEngineer {
		out = r.Rule + " " + r.Code + ": " + out
	}
	if to != ForParent && r.Cite != "" {
		out += " (" + r.Cite + ")"
	}
	if to != ForParent && r.Consent != "" {
		out += " [" + strings.TrimSpace(w.Say(lang, to, "say-consent")+" "+r.Consent+" "+r.Path) + "]"
	}
	if !withheld {
		return out
	}
	missing := w.Missing(lang, r.Code)
	if to == ForEngineer && r.Needs != "" {
		missing = r.Needs
	}
	if missing != "" {
		out = strings.TrimRight(out, ".") + "; " + w.Say(lang, to, "say-nearest") + ": " + missing
	}
	return out
}
