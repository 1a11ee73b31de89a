package fhir

import (
	"encoding/base64"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// minSecret is the length in bytes below which a text is too common to be traced.
const minSecret = 5

// phraseSet holds phrases by their first word: a phrase is a run of words without punctuation and case.
type phraseSet map[string][][]string

func (s phraseSet) add(text string) {
	if words := wordsOf(text); len(words) > 0 && len(text) >= minSecret {
		s[words[0]] = append(s[words[0]], words)
	}
}

// in reports whether a text holds one of the phrases.
func (s phraseSet) in(text string) bool {
	if len(s) == 0 {
		return false
	}
	words := wordsOf(text)
	for i, word := range words {
		for _, phrase := range s[word] {
			if len(phrase) <= len(words)-i && slices.Equal(phrase, words[i:i+len(phrase)]) {
				return true
			}
		}
	}
	return false
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// telling finds the words that are no plain vocabulary: with a digit, in capitals, or capitalized
// where no sentence begins.
func telling(text string, found func(word string)) {
	starts := true
	for len(text) > 0 {
		i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
		if i < 0 {
			return
		}
		starts = starts || strings.ContainsAny(text[:i], ".!?:\n")
		text = text[i:]
		end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(text)
		}
		word := text[:end]
		text = text[end:]
		first, _ := utf8.DecodeRuneInString(word)
		digits := strings.IndexFunc(word, unicode.IsDigit) >= 0
		if len(word) >= minSecret && (digits || word == strings.ToUpper(word) || unicode.IsUpper(first) && !starts) {
			found(strings.ToLower(word))
		}
		starts = false
	}
}

// leaf is one primitive of a document, with its place.
type leaf struct {
	n  *Node
	at place
}

// silent reports leaves that say nothing about a person: codes of the standard, types, systems.
func (l leaf) silent() bool {
	switch l.at.name {
	case "id", "reference", "fullUrl": // names, which are traced as such
		return true
	case "resourceType", "system", "url", "status", "use", "profile", "language", "versionId", "lastUpdated", "contentType", "unit":
		return true
	}
	if l.n.Kind() < Number || l.at.m.element != nil && l.at.m.element.codes != nil {
		return true
	}
	system := l.at.owner.Get("system").Text()
	return strings.HasPrefix(system, "http://terminology.hl7.org/") || strings.HasPrefix(system, "http://hl7.org/fhir/")
}

// locator reports leaves that hold a URL.
func (l leaf) locator() bool {
	switch l.at.m.typ {
	case "uri", "url", "canonical":
		return true
	}
	return false
}

// free reports text written by people, which may repeat what another resource says.
func (l leaf) free() bool {
	switch l.at.name {
	case "description", "comment", "note", "valueString", "valueMarkdown", "contentString", "patientInstruction",
		"instruction", "instructions", "title", "diagnostics", "details", "summary", "authorString", "query":
		return true
	case "display":
		return l.at.t != nil && l.at.t.path == "Reference" || l.at.t == nil && l.at.owner.Get("reference") != nil
	case "text":
		return l.at.t != nil && l.at.t.path == "Annotation"
	}
	return l.at.m.typ == "markdown"
}

// visit calls found for every primitive of a tree.
func visit(n *Node, at place, found func(leaf)) {
	switch n.Kind() {
	case Object:
		t := at.m.structure
		if name := n.ResourceType(); name != "" {
			t = r4().types[name]
		}
		for i, name := range n.names {
			inner := place{owner: n, t: t, name: strings.TrimPrefix(name, "_")}
			if t != nil {
				inner.m = t.members[inner.name]
			}
			visit(n.members[i], inner, found)
		}
	case Array:
		for _, item := range n.members {
			visit(item, at, found)
		}
	default:
		found(leaf{n, at})
	}
}

// speech is what the dropped parts of a document said.
type speech struct {
	names  *nameSet
	texts  map[string]map[string]bool // whole values, with the free elements that said them ("" for the others)
	words  map[string]bool            // telling words within them
	strict map[string]bool            // addresses and numbers that the decision withholds, wherever else they stand
}

func newSpeech(names *nameSet) *speech {
	return &speech{names: names, texts: map[string]map[string]bool{}, words: map[string]bool{}, strict: map[string]bool{}}
}

// hear adds what a dropped part said; strict marks the elements that the decision names.
func (s *speech) hear(n *Node, t *typeDef, m memberDef, name string, strict bool) {
	visit(n, place{owner: nil, t: t, m: m, name: name}, func(l leaf) {
		if l.silent() || l.namesAnother(s.names) {
			return
		}
		if l.at.name == "div" {
			for _, run := range textRuns(l.n.text) {
				s.say(run, "")
				telling(run, func(word string) { s.words[word] = true })
			}
			return
		}
		source := ""
		if l.free() {
			source = l.at.name
		}
		s.say(l.n.text, source)
		if !l.locator() {
			telling(l.n.text, func(word string) { s.words[word] = true })
		}
		if strict && l.at.t != nil && (l.at.t.path == "Address" && (l.at.name == "line" || l.at.name == "text") ||
			l.at.t.path == "ContactPoint" && l.at.name == "value") {
			s.strict[l.n.text] = true
		}
	})
}

func (s *speech) say(text, source string) {
	if s.texts[text] == nil {
		s.texts[text] = map[string]bool{}
	}
	s.texts[text][source] = true
}

// namesAnother reports the display text of a reference to something that stays.
func (l leaf) namesAnother(gone *nameSet) bool {
	return l.at.name == "display" && l.at.owner.Get("reference") != nil && !gone.points(l.at.owner)
}

// secretSet is what only the dropped parts said.
type secretSet struct {
	names   *nameSet
	phrases phraseSet
	numbers []string // digits of withheld telephone numbers
}

// secrets leaves out what the remaining document says itself.
func (s *speech) secrets(out *Node) *secretSet {
	r := &remains{texts: map[string]bool{}, free: map[[2]string]bool{}, words: map[string]bool{}}
	visit(out, place{}, r.hear)
	secret := &secretSet{names: s.names, phrases: phraseSet{}}
	for text, sources := range s.texts {
		if !r.says(text, sources) {
			secret.phrases.add(text)
		}
	}
	for word := range s.words {
		if !r.words[word] {
			secret.phrases.add(word)
		}
	}
	for text := range s.strict {
		secret.phrases.add(text)
		if digits := digitsOf(text); len(digits) >= 7 {
			secret.numbers = append(secret.numbers, digits)
		}
	}
	return secret
}

// remains is what the document still says without the dropped parts.
type remains struct {
	texts map[string]bool    // values of elements that are no free text
	free  map[[2]string]bool // free text, with the name of its element
	words map[string]bool    // of texts
}

func (r *remains) hear(l leaf) {
	switch {
	case l.at.name == "div" || l.at.m.typ == "base64Binary":
	case l.free():
		r.free[[2]string{plain(l.n.text), l.at.name}] = true
	default:
		r.keep(l.n.text)
		if l.at.name == "family" {
			given := textsOf(l.at.owner.Get("given"))
			first, _, _ := strings.Cut(given, " ")
			r.keep(given + " " + l.n.text)
			r.keep(first + " " + l.n.text)
			r.keep(l.n.text + " " + given)
		}
	}
}

func (r *remains) keep(text string) {
	phrase := wordsOf(text)
	r.texts[strings.Join(phrase, " ")] = true
	for _, word := range phrase {
		r.words[word] = true
	}
}

// says reports a text that is no secret: an element says it openly, or the same free element says
// just the same, as two orders do that were written alike.
func (r *remains) says(text string, sources map[string]bool) bool {
	text = plain(text)
	if r.texts[text] {
		return true
	}
	for source := range sources {
		if source == "" || source == "display" || !r.free[[2]string{text, source}] {
			return false
		}
	}
	return true
}

func plain(text string) string { return strings.Join(wordsOf(text), " ") }

func textsOf(list *Node) string {
	var all []string
	for _, item := range list.Items() {
		all = append(all, item.Text())
	}
	return strings.Join(all, " ")
}

func (s *secretSet) in(text string) bool {
	if s == nil {
		return false
	}
	if s.names.in(text) || anyIn(s.names.ids, text) || s.phrases.in(text) {
		return true
	}
	if len(s.numbers) == 0 {
		return false
	}
	digits := digitsOf(text)
	return slices.ContainsFunc(s.numbers, func(number string) bool { return strings.Contains(digits, number) })
}

// inMarkup looks at the text between tags, and at the tags themselves.
func (s *secretSet) inMarkup(text string) bool {
	return s != nil && (s.in(html.UnescapeString(tags.ReplaceAllString(text, " "))) || s.in(html.UnescapeString(text)))
}

var tags = regexp.MustCompile(`<[^>]*>`)

// textRuns splits markup into the texts between its tags.
func textRuns(markup string) []string {
	var runs []string
	for line := range strings.SplitSeq(tags.ReplaceAllString(markup, "\x00"), "\x00") {
		if run := strings.TrimSpace(html.UnescapeString(line)); len(run) >= minSecret {
			runs = append(runs, run)
		}
	}
	return runs
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// decodeText decodes base64 that holds readable text.
func decodeText(data string) (string, bool) {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
	return string(raw), err == nil && utf8.Valid(raw)
}
