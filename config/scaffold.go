package config

import (
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed all:scaffold
var scaffold embed.FS

// Init writes a commented working configuration into a directory that holds none: an HL7 v2
// sender and a FHIR receiver, with generated credentials. It returns the files.
func Init(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, SiteFile)); err == nil {
		return nil, fmt.Errorf("%s holds a configuration already", dir)
	}
	var written []string
	err := fs.WalkDir(scaffold, "scaffold/init", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := scaffold.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, "scaffold/init/"), ".tmpl")
		written = append(written, name)
		return writeNew(filepath.Join(dir, name), text)
	})
	if err != nil {
		return written, err
	}
	for _, name := range []string{"secrets/receiver.token", "secrets/at-receiver.token"} {
		written = append(written, name)
		if err := writeNew(filepath.Join(dir, name), []byte(rand.Text()+"\n")); err != nil {
			return written, err
		}
	}
	return written, nil
}

// NewPartner is what a partner's file is made of.
type NewPartner struct {
	Name, Kind   string // kind: mllp, fhir or edfi
	Organization string // reference; "" derives one from the name
	Listen       string // mllp: our address for the partner
	Connect      string // mllp: the partner's address
	URL          string // fhir, edfi: the partner's address
}

// Facility is the name as MSH-6 usually has it.
func (n NewPartner) Facility() string {
	return strings.ToUpper(strings.ReplaceAll(n.Name, "-", "_"))
}

// AddPartner writes the commented file of a partner, and the credential that we give it
// where it needs one. It returns the files.
func AddPartner(dir string, n NewPartner) ([]string, error) {
	if !partnerName.MatchString(n.Name) || n.Name == OperatorID {
		return nil, errors.New("a partner's name has at most 32 lower-case letters, digits and hyphens, and is not operator")
	}
	if n.Organization == "" {
		n.Organization = "Organization/" + n.Name
	}
	pages, err := template.ParseFS(scaffold, "scaffold/partner/*.tmpl")
	if err != nil {
		return nil, err
	}
	page := pages.Lookup(n.Kind + ".yaml.tmpl")
	if page == nil {
		return nil, fmt.Errorf("the kind %s is not available in this version; there are mllp, fhir and edfi", n.Kind)
	}
	var text strings.Builder
	if err := page.Execute(&text, n); err != nil {
		return nil, err
	}
	written := []string{filepath.Join(PartnersDir, n.Name+".yaml")}
	if err := writeNew(filepath.Join(dir, written[0]), []byte(text.String())); err != nil || n.Kind != "fhir" {
		return written, err
	}
	written = append(written, filepath.Join("secrets", n.Name+".token"))
	return written, writeNew(filepath.Join(dir, written[1]), []byte(rand.Text()+"\n"))
}

// writeNew writes a file that only its owner reads, and never over another.
func writeNew(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
