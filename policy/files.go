package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Files are the bytes of law bundles and golden cases by path: "us-nj/data.yaml",
// "cases/break-glass.yaml". They are read once, so that what is verified, tested, compiled
// and kept is the same. Nobody changes them.
type Files map[string][]byte

// CasesFolder holds golden cases; no bundle has this name.
const CasesFolder = "cases"

// signaturesFile is the signature of one folder, in the form of OPA's signed bundles.
const signaturesFile = ".signatures.json"

// The bounds of law on disk, far above what law takes, so that a wrong path is noticed early.
const (
	maxLawFiles = 4000
	maxLawBytes = 64 << 20
)

var errLawTooLarge = errors.New("larger than law can be: is the path right?")

// ReadFiles reads a tree of folders: each is a bundle, or CasesFolder. Files beside the folders, and
// names that begin with a dot beside them, are not law. A folder inside a folder is an error: its law would be lost in silence.
func ReadFiles(tree fs.FS) (Files, error) {
	files := Files{}
	folders, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		if strings.HasPrefix(folder.Name(), ".") || !isFolder(tree, folder.Name()) {
			continue
		}
		if err := files.read(tree, folder.Name()); err != nil {
			return nil, err
		}
	}
	return files, files.bounded()
}

func (f Files) read(tree fs.FS, folder string) error {
	entries, err := fs.ReadDir(tree, folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		if isFolder(tree, name) {
			return fmt.Errorf("%s: a bundle has no folders inside", name)
		}
		if f[name], err = fs.ReadFile(tree, name); err != nil {
			return err
		}
		if err := f.bounded(); err != nil {
			return err
		}
	}
	return nil
}

// isFolder follows links: mounted configuration often consists of them.
func isFolder(tree fs.FS, name string) bool {
	info, err := fs.Stat(tree, name)
	return err == nil && info.IsDir()
}

func (f Files) bounded() error {
	total := 0
	for _, text := range f {
		total += len(text)
	}
	if len(f) > maxLawFiles || total > maxLawBytes {
		return errLawTooLarge
	}
	return nil
}

// Folders names the folders in order, CasesFolder among them.
func (f Files) Folders() []string {
	seen := map[string]bool{}
	for name := range f {
		folder, _, _ := strings.Cut(name, "/")
		seen[folder] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// Bundles names the bundles in order.
func (f Files) Bundles() []string {
	return slices.DeleteFunc(f.Folders(), func(name string) bool { return name == CasesFolder })
}

// in names the files of one folder in order, without the folder.
func (f Files) in(folder string) []string {
	var names []string
	for name := range f {
		if rest, inside := strings.CutPrefix(name, folder+"/"); inside {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// Only returns the files of some folders.
func (f Files) Only(folders ...string) Files {
	out := Files{}
	for name, text := range f {
		if folder, _, _ := strings.Cut(name, "/"); slices.Contains(folders, folder) {
			out[name] = text
		}
	}
	return out
}

// Over lays these files over others: a bundle replaces one of its name as a whole, a case one of its name.
func (f Files) Over(base Files) Files {
	out := Files{}
	mine := f.Bundles()
	for name, text := range base {
		if folder, _, _ := strings.Cut(name, "/"); !slices.Contains(mine, folder) {
			out[name] = text
		}
	}
	maps.Copy(out, f)
	return out
}

// Hash is a SHA-256 over names and bytes.
func (f Files) Hash() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(f[name]), f[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Pack writes the files as a tar.gz that Unpack reads; the same files give the same bytes.
func (f Files) Pack() ([]byte, error) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(f[name]))}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(f[name]); err != nil {
			return nil, err
		}
	}
	err := errors.Join(archive.Close(), zipped.Close())
	return out.Bytes(), err
}

// Unpack reads a tar.gz whose entries are FOLDER/FILE, as "tar czf law.tar.gz us-nj cases" makes it.
func Unpack(packed []byte) (Files, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("not a tar.gz: %w", err)
	}
	archive := tar.NewReader(io.LimitReader(zipped, maxLawBytes+1<<20))
	files := Files{}
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, files.bounded()
		}
		if err != nil {
			return nil, fmt.Errorf("not a readable tar.gz: %w", err)
		}
		name := path.Clean(head.Name)
		switch {
		case head.Typeflag == tar.TypeDir:
			continue
		case head.Typeflag != tar.TypeReg || strings.HasPrefix(name, ".") || strings.Count(name, "/") != 1 || path.IsAbs(name):
			return nil, fmt.Errorf("%q is not FOLDER/FILE", head.Name)
		case files[name] != nil:
			return nil, fmt.Errorf("%q is in it twice", head.Name)
		}
		if files[name], err = io.ReadAll(archive); err != nil {
			return nil, fmt.Errorf("not a readable tar.gz: %w", err)
		}
		if err := files.bounded(); err != nil {
			return nil, err
		}
	}
}

// Jurisdictions names those of which some bundle says that it is their law; none where a data file cannot be read.
func (f Files) Jurisdictions() []string {
	found := map[string]bool{}
	for _, name := range f.Bundles() {
		var doc struct {
			Jurisdictions map[string]any `yaml:"jurisdictions"`
		}
		if yaml.Unmarshal(f[path.Join(name, "data.yaml")], &doc) != nil {
			return nil
		}
		for place := range doc.Jurisdictions {
			found[place] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
