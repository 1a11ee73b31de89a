package workbench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/translate"
)

// Translation is one message in the other format, and the account of it.
type Translation struct {
	To     string            // "fhir" or "v2"
	Output []byte            // FHIR JSON, or HL7 v2 with CR
	Issues []translate.Issue // what was not understood, free of values
	Leaves []translate.Leaf  // where each value of an HL7 v2 message went
	back   []byte            // of an HL7 v2 message: the way back

	Unmapped []translate.Unmapped // codes for which a gateway would let the message wait
}

// Profile reads a profile of HL7 v2; an empty file name means the permissive default.
func Profile(file string) (translate.Profile, error) {
	if file == "" {
		return translate.LoadProfile(nil)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return translate.Profile{}, errors.New("the profile cannot be read")
	}
	return translate.LoadProfile(text)
}

// Translate turns HL7 v2 into FHIR or FHIR into HL7 v2; to is "fhir", "v2", or "" for the other one.
func Translate(input []byte, to string, p translate.Profile) (Translation, error) {
	isFHIR := bytes.HasPrefix(bytes.TrimLeft(input, " \t\r\n\ufeff"), []byte("{"))
	switch {
	case isFHIR && to == "fhir" || !isFHIR && to == "v2":
		return Translation{}, fmt.Errorf("the file is in the format %s already", to)
	case isFHIR:
		return toV2(input, p)
	default:
		return toFHIR(input, p)
	}
}

func toFHIR(input []byte, p translate.Profile) (Translation, error) {
	if translate.IsBatch(input) {
		return batchToFHIR(input, p)
	}
	message, err := hl7v2.Parse(input)
	if err != nil {
		return Translation{}, err
	}
	result, err := translate.ToFHIR(message, p)
	if err != nil {
		return Translation{}, err
	}
	t := Translation{To: "fhir", Output: append(result.Bundle.JSON(), '\n'), Issues: result.Issues, Leaves: result.Leaves, Unmapped: result.Unmapped}
	back, issues, err := translate.ToV2(result.Bundle, p, translate.Meta{}) // as it came in, header included
	if err != nil {
		issues = append(issues, translate.Issue{Location: "Bundle", Code: translate.IssueNotCarried, Text: "no way back: " + err.Error()})
	}
	t.back, t.Issues = back, append(t.Issues, issues...)
	return t, nil
}

// batchToFHIR translates each message of a batch on its own; the way back is the batch again.
func batchToFHIR(input []byte, p translate.Profile) (Translation, error) {
	result, err := translate.BatchToFHIR(input, p)
	if err != nil {
		return Translation{}, err
	}
	back, issues, err := translate.BatchToV2(result.Bundle, func(one *fhir.Node) ([]byte, []translate.Issue, error) {
		return translate.ToV2(one, p, translate.Meta{})
	})
	if err != nil {
		return Translation{}, err
	}
	t := Translation{To: "fhir", Output: append(result.Bundle.JSON(), '\n'), Leaves: result.Leaves, back: back}
	t.Issues = slices.Concat(result.Issues, issues)
	return t, nil
}

func toV2(input []byte, p translate.Profile) (Translation, error) {
	bundle, err := fhir.Parse(input)
	if err != nil {
		return Translation{}, err
	}
	render := func(one *fhir.Node) ([]byte, []translate.Issue, error) { return translate.ToV2(one, p, metaOf(one)) }
	if translate.IsCollection(bundle) {
		output, issues, err := translate.BatchToV2(bundle, render)
		return Translation{To: "v2", Output: output, Issues: issues}, err
	}
	output, issues, err := render(bundle)
	return Translation{To: "v2", Output: output, Issues: issues}, err
}

// maxControlID is the longest MSH-10 of HL7 v2.5.1.
const maxControlID = 20

// metaOf reads what the message says about itself from the Bundle that is to become one.
func metaOf(bundle *fhir.Node) translate.Meta {
	meta := translate.Meta{Event: "REF^I12", ControlID: bundle.At("identifier.value").Text()}
	if meta.ControlID == "" || len(meta.ControlID) > maxControlID {
		meta.ControlID = "CAREGATE"
	}
	meta.Created, _ = time.Parse(time.RFC3339, bundle.Get("timestamp").Text()) // the zero time where it says none
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() == "Task" && !slices.Contains([]string{"requested", "draft", "ready", "received"}, r.Get("status").Text()) {
			meta.Event = "RRI^I12"
		}
	}
	for _, r := range fhir.Entries(bundle) { // a message that was v2 once says so
		if parts := strings.Split(r.At("eventCoding.display").Text(), "^"); r.ResourceType() == "MessageHeader" && len(parts) > 1 {
			meta.Event = parts[0] + "^" + parts[1]
		}
	}
	return meta
}

// Why returns the leaves at and below a path, "PID-3" or "PID-3[2].4".
func (t Translation) Why(path string) []translate.Leaf {
	return slices.DeleteFunc(slices.Clone(t.Leaves), func(l translate.Leaf) bool {
		rest, below := strings.CutPrefix(l.Path, path)
		return !below || rest != "" && !strings.ContainsRune("-.[(", rune(rest[0]))
	})
}

// Coverage counts the leaves of each class.
func (t Translation) Coverage() map[translate.Class]int {
	counts := map[translate.Class]int{translate.Mapped: 0, translate.Carried: 0, translate.Unread: 0}
	for _, l := range t.Leaves {
		counts[l.Class]++
	}
	return counts
}

// FileResult is what became of one file of a directory.
type FileResult struct {
	File   string `json:"file"`
	Issues int    `json:"issues"`
	Error  string `json:"error,omitempty"`
}

// Dir translates every file of a directory: NAME.fhir.json, NAME.issues.json,
// NAME.accounting.json and the way back in NAME.hl7; of FHIR files NAME.hl7 and the issues.
func Dir(in, out string, p translate.Profile) ([]FileResult, error) {
	if same(in, out) {
		return nil, errors.New("the output directory must not be the input directory")
	}
	entries, err := os.ReadDir(in)
	if err != nil {
		return nil, errors.New("the input directory cannot be read")
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, errors.New("the output directory cannot be made")
	}
	results := []FileResult{}
	for _, entry := range entries {
		if entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		result, err := translateFile(filepath.Join(in, entry.Name()), out, p)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

func same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return filepath.Clean(a) == filepath.Clean(b)
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// translateFile returns an error only where writing fails; a file that cannot be translated has its result.
func translateFile(path, out string, p translate.Profile) (FileResult, error) {
	result := FileResult{File: filepath.Base(path)}
	name := filepath.Join(out, strings.TrimSuffix(result.File, filepath.Ext(result.File)))
	input, err := os.ReadFile(path)
	if err != nil {
		return result, errors.New("the file " + result.File + " cannot be read")
	}
	t, err := Translate(input, "", p)
	if err != nil {
		result.Error = err.Error()
		t.Issues = append(t.Issues, translate.Issue{Code: translate.IssueUnmapped, Text: "not translated: " + result.Error})
	}
	result.Issues = len(t.Issues)
	files := map[string][]byte{".issues.json": lines(t.Issues)}
	switch t.To {
	case "fhir":
		files[".fhir.json"], files[".hl7"], files[".accounting.json"] = t.Output, t.back, lines(t.Leaves)
	case "v2":
		files[".hl7"] = t.Output
	}
	for suffix, content := range files {
		if err := os.WriteFile(name+suffix, content, 0o600); err != nil {
			return result, errors.New("the output directory cannot be written")
		}
	}
	return result, nil
}

// lines is a JSON array, one item on each line.
func lines[T any](items []T) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for i, item := range items {
		text, _ := json.Marshal(item) // plain structs of text
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n")
		b.Write(text)
	}
	b.WriteString("\n]\n")
	return b.Bytes()
}
