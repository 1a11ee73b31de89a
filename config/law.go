package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"caregate/policy"
	golden "caregate/testdata/consent"
)

// ErrNoLaw means that there is no law where it was looked for.
var ErrNoLaw = errors.New("there is no law here: a folder for each bundle, or a .tar.gz of such folders, is needed")

// ErrLawKey means that the key by which law is verified cannot be used.
var ErrLawKey = errors.New("the public key of the law cannot be used")

// LawProblem is one thing that is wrong with law, where, and what to do.
type LawProblem = policy.Problem

// builtInLaw is the law that the program brings, with the cases that every law is tried on.
func builtInLaw() (policy.Files, error) {
	files, err := policy.ReadFiles(policy.Bundles())
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(golden.Files, "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if files[policy.CasesFolder+"/"+name], err = golden.Files.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// ReadLaw reads law from a directory or a .tar.gz.
func ReadLaw(path string) (policy.Files, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, ErrNoLaw
	}
	var files policy.Files
	if info.IsDir() {
		files, err = policy.ReadFiles(os.DirFS(path))
	} else if packed, readErr := os.ReadFile(path); readErr != nil {
		err = readErr
	} else {
		files, err = policy.Unpack(packed)
	}
	if err == nil && len(files) == 0 {
		err = ErrNoLaw
	}
	return files, err
}

// lawKey reads the public key of law; nil where none is configured.
func lawKey(path string) (*policy.Verifier, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no key asks for no signatures
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be read", ErrLawKey)
	}
	verifier, err := policy.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLawKey, err)
	}
	return verifier, nil
}

// CheckLaw names every problem of the law at a path, laid over the built-in law. key is a file
// with the public key, "" for none.
func CheckLaw(ctx context.Context, path, key string) (policy.Problems, error) {
	own, base, err := lawAt(path)
	if err != nil {
		return nil, err
	}
	verifier, err := lawKey(key)
	if err != nil {
		return nil, err
	}
	return own.Check(ctx, base, verifier, policy.Limits{}), nil
}

// TestLaw runs the embedded tests of all bundles and the golden cases, with the law at a path
// over the built-in law; "" tests the built-in law alone.
func TestLaw(ctx context.Context, path string) (policy.Tested, error) {
	own, base, err := lawAt(path)
	if err != nil {
		return policy.Tested{}, err
	}
	all := own.Over(base)
	return all.Test(ctx, all.Bundles(), policy.Limits{})
}

func lawAt(path string) (own, base policy.Files, err error) {
	if base, err = builtInLaw(); err != nil || path == "" {
		return policy.Files{}, base, err
	}
	own, err = ReadLaw(path)
	return own, base, err
}

// SignLaw signs every folder of a law directory with a private key (PKCS #8, PEM) and returns
// the files that it wrote.
func SignLaw(dir, key string) ([]string, error) {
	files, err := ReadLaw(dir)
	if err != nil {
		return nil, err
	}
	secret, err := os.ReadFile(key)
	if err != nil {
		return nil, errors.New("the private key cannot be read")
	}
	var written []string
	for _, folder := range files.Folders() {
		name, content, err := policy.Sign(files, folder, secret)
		if err != nil {
			return written, err
		}
		if err := replaceFile(filepath.Join(dir, filepath.FromSlash(name)), content); err != nil {
			return written, err
		}
		written = append(written, name)
	}
	return written, nil
}

// replaceFile writes a file that is there as a whole or not at all, also after a power cut.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// law is what the configuration decides by: the law from disk (nil where none is configured),
// and the built-in law that it is laid over.
func (c Config) law() (own, base policy.Files, err error) {
	if base, err = builtInLaw(); err != nil || c.Site.LawFrom == nil {
		return nil, base, err
	}
	own, err = ReadLaw(c.path(c.Site.LawFrom.Path))
	return own, base, err
}

func (c Config) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

func (c Config) lawVerifier() (*policy.Verifier, error) {
	if c.Site.LawFrom == nil || c.Site.LawFrom.Key == "" {
		return lawKey("")
	}
	return lawKey(c.path(c.Site.LawFrom.Key))
}

// law checks names and the key; what the law says is tried when it is loaded, and by policy check.
func (c *checker) law() {
	if from := c.Site.LawFrom; from != nil {
		if _, err := c.lawVerifier(); err != nil {
			c.report(SiteFile, "lawFrom.key", err.Error())
		}
	}
	own, base, err := c.Config.law()
	if err != nil {
		c.report(SiteFile, "lawFrom.path", fmt.Sprintf("%s: caregate policy check DIR names its problems", err))
		return
	}
	all := own.Over(base)
	known := slices.DeleteFunc(all.Bundles(), func(name string) bool { return name == "core" })
	for i, law := range c.Site.Law {
		if !slices.Contains(known, law) {
			c.report(SiteFile, "law["+itoa(i)+"]", "no law bundle has this name; there are: "+strings.Join(known, ", "))
		}
	}
	if places := all.Jurisdictions(); len(places) > 0 && c.Site.Jurisdiction != "" && !slices.Contains(places, c.Site.Jurisdiction) {
		c.report(SiteFile, "jurisdiction", "no law bundle is of this jurisdiction; there are: "+strings.Join(places, ", "))
	}
}
