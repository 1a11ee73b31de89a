package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"caregate/adapters"
	"caregate/translate"
)

// CodesDir holds what operators said the unknown codes of partners mean, one file for each.
const CodesDir = "codes"

// Codes is one file of codes/: the meanings of a partner's own HL7 v2 codes, as `work resolve`
// writes them. Those of the partner's profile come before.
type Codes struct {
	// Codes are by code table and v2 code the FHIR code: "0283.task": {AP: accepted}.
	Codes map[string]translate.Codes `yaml:"codes"`
}

// readCodes adds the codes of CodesDir to the profiles of the partners.
func (c *Config) readCodes() Problems {
	names, _ := filepath.Glob(filepath.Join(c.Dir, CodesDir, "*.yaml")) // the pattern is sound
	var problems Problems
	for _, name := range names {
		file := CodesDir + "/" + filepath.Base(name)
		var said Codes
		problems = append(problems, c.read(file, &said)...)
		id := strings.TrimSuffix(filepath.Base(name), ".yaml")
		i := slices.IndexFunc(c.Partners, func(p Partner) bool { return p.ID == id && p.Endpoints.MLLP != nil })
		if i < 0 {
			problems = append(problems, Problem{File: file, Text: "there is no partner of this name with an mllp endpoint"})
			continue
		}
		profile := &c.Partners[i].Endpoints.MLLP.Profile.Profile
		profile.Codes = joined(profile.Codes, said.Codes)
	}
	return problems
}

// joined returns the codes of both; the first come before.
func joined(first, second map[string]translate.Codes) map[string]translate.Codes {
	all := map[string]translate.Codes{}
	for _, codes := range []map[string]translate.Codes{second, first} {
		for table, meanings := range codes {
			if all[table] == nil {
				all[table] = translate.Codes{}
			}
			maps.Copy(all[table], meanings)
		}
	}
	return all
}

// AddCodes writes down what an unknown code of a partner means, into its file in CodesDir: what
// the code as of the same table means, or by element what means says: "accepted", or
// "0283.task=accepted" where the code decides several. It returns the file.
func AddCodes(dir, partner string, u adapters.Unmapped, as string, means []string) (string, error) {
	said, err := meaning(u, as, means)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, CodesDir, partner+".yaml")
	var have Codes
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s cannot be read", file)
	}
	if err := yaml.Unmarshal(text, &have); err != nil {
		return "", fmt.Errorf("%s is not as work resolve writes it", file)
	}
	have.Codes = joined(said, have.Codes)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("%s cannot be made", filepath.Dir(file))
	}
	if err := os.WriteFile(file, have.yaml(partner), 0o600); err != nil {
		return "", fmt.Errorf("%s cannot be written", file)
	}
	return CodesDir + "/" + partner + ".yaml", nil
}

// yaml is the file, the same text for the same codes.
func (c Codes) yaml(partner string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# What codes of %s mean that no table of HL7 v2 has. Written by caregate work resolve; may be edited.\ncodes:\n", partner)
	for _, table := range slices.Sorted(maps.Keys(c.Codes)) {
		fmt.Fprintf(&b, "  %q:\n", table)
		for _, code := range slices.Sorted(maps.Keys(c.Codes[table])) {
			fmt.Fprintf(&b, "    %q: %q\n", code, c.Codes[table][code])
		}
	}
	return []byte(b.String())
}

// meaning is what was said of a code, by code table. It is refused where it is not among what
// the element may be, or leaves one of the elements open.
func meaning(u adapters.Unmapped, as string, means []string) (map[string]translate.Codes, error) {
	if u.Code == "" {
		return nil, errors.New("the field holds no plain code: map it in the partner's profile, then resolve without --as and --code")
	}
	said := map[string]translate.Codes{}
	for _, element := range u.Elements {
		byV2, byFHIR, err := translate.Meanings(element)
		if err != nil {
			return nil, err
		}
		m, known := byV2[as]
		for _, text := range means {
			if code, ok := strings.CutPrefix(text, element+"="); ok || len(means) == 1 && !strings.Contains(text, "=") {
				m, known = byFHIR[code]
			}
		}
		switch {
		case known:
			said[m.Table] = translate.Codes{u.Code: m.Code}
		case as == "": // a code of the standard may say nothing of one of the elements
			return nil, fmt.Errorf("say what it means as %s: one of %s", element, strings.Join(slices.Sorted(maps.Keys(byFHIR)), ", "))
		}
	}
	if len(said) == 0 {
		return nil, fmt.Errorf("table %s has no code %s that says something of %s: use --code", u.Table, as, strings.Join(u.Elements, ", "))
	}
	return said, nil
}
