package house

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// planted is a breach of the laws, put into a copy of the tree.
type planted struct {
	file string // new, or one of the tree whose end gets the text
	text string
	why  string // what the test of the laws has to say of it, with the file
}

const stray = "package %s\n\nimport edge \"caregate/adapters\"\n\n%s\n"

// breaches are those that point 7 names, in every place where they could be.
func breaches(folders []string) []planted {
	var all []planted
	for _, folder := range folders {
		name := path.Base(folder)
		if path.Dir(folder) == "adapters" && name != "adapterstest" {
			for _, forbidden := range []string{"ledger", "queue", "consent", "policy", "gateway"} {
				all = append(all, planted{folder + "/planted.go", fmt.Sprintf("package %s\n\nimport _ \"caregate/%s\"\n", name, forbidden), folder + " may not import " + forbidden})
			}
		}
		if name == "adapterstest" || folder == "adapters" {
			continue
		}
		for _, forgery := range []string{"var planted = edge.Permitted(edge.Release{})", "var planted = edge.Permitted", "var planted = edge.Permit{}", "func release() edge.Permit { return edge.Permitted(edge.Release{}) }"} {
			all = append(all, planted{folder + "/planted.go", fmt.Sprintf(stray, packageOf(folder), forgery), "only gateway.release may"})
		}
	}
	for _, end := range []string{
		"func resend() adapters.Permit { return adapters.Permitted(adapters.Release{}) }",
		"var maker = adapters.Permitted",
	} {
		all = append(all, planted{"gateway/release.go", end, "only gateway.release may"})
	}
	for _, end := range []string{
		"func Planted(r Release) Permit { return Permit{release: &r} }",
		"func Planted(r Release) Permit { return Permitted(r) }",
		"func Planted(p Permit, r *Release) any { p.release = r; return p }",
		"type Planted = Permit",
	} {
		all = append(all, planted{"adapters/permit.go", end, "only gateway.release may"})
	}
	return all
}

func packageOf(folder string) string {
	if strings.HasPrefix(folder, "cmd/") {
		return "main"
	}
	return path.Base(folder)
}

// TestLawsSeeBreaches is point 7: the test of the laws, run by go test in a copy of the tree
// as anybody would, fails on each breach and names the file; without it, it passes. Reduced,
// two breaches are run, each in an adapter and in the gateway.
func TestLawsSeeBreaches(t *testing.T) {
	t.Parallel()
	dir, folders := copyTree(t, "../..")
	list := breaches(folders)
	if !full {
		list = slices.DeleteFunc(list, func(p planted) bool {
			return p.file != "adapters/mllp/planted.go" && p.file != "gateway/planted.go" && p.file != "adapters/permit.go"
		})
	}
	if said, err := obeys(t, dir); err != nil {
		t.Fatalf("the laws do not hold before anything is planted: %v\n%s", err, said)
	}
	seen := 0
	for _, p := range list {
		file := filepath.Join(dir, filepath.FromSlash(p.file))
		before, err := os.ReadFile(file)
		isNew := os.IsNotExist(err)
		if err := os.WriteFile(file, append(slices.Clip(before), "\n"+p.text+"\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := obeys(t, dir)
		if named := lineWith(said, p.file+":", p.why); err == nil || !named {
			t.Errorf("planted in %s: %s\nthe test of the laws: %v\n%s", p.file, p.text, err, said)
		} else {
			seen++
		}
		if isNew {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, before, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if said, err := obeys(t, dir); err != nil {
		t.Errorf("the laws do not hold after everything is taken away again: %v\n%s", err, said)
	}
	figure(t, 7, "breaches of the laws", len(list), "seen and named", seen)
}

func lineWith(text string, all ...string) bool {
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(all, func(part string) bool { return !strings.Contains(line, part) }) {
			return true
		}
	}
	return false
}

// obeys runs the test of the laws in a tree.
func obeys(t *testing.T, dir string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-run", "^TestArchitecture$", ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// copyTree copies the Go files of the module, and returns the folders that hold some.
func copyTree(t *testing.T, root string) (dir string, folders []string) {
	t.Helper()
	dir = t.TempDir()
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if entry.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "bin") {
			return fs.SkipDir
		}
		if entry.IsDir() || path.Ext(name) != ".go" && base != "go.mod" && base != "go.sum" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if folder := path.Dir(name); folder != "." && !slices.Contains(folders, folder) && !strings.HasPrefix(folder, "tools") &&
			strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(folder, "prove") {
			folders = append(folders, folder)
		}
		return os.WriteFile(to, text, 0o600)
	})
	if err != nil || len(folders) < 10 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	return dir, folders
}
