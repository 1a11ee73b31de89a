package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCleanClone is point 1 at full size: a clone of what is committed, with nothing else on
// it, builds and plays the story.
func TestCleanClone(t *testing.T) {
	t.Parallel()
	if !full {
		t.Skip("at full size only: the build of a clone takes minutes on a small machine")
	}
	clone := filepath.Join(t.TempDir(), "clone")
	for _, step := range [][]string{
		{"git", "clone", "--quiet", "--no-hardlinks", "../..", clone},
		{"make", "--directory", clone, "build"},
	} {
		cmd := exec.CommandContext(t.Context(), step[0], step[1:]...)
		cmd.Env = plainEnvironment()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", step, err, out)
		}
	}
	output, took := play(t, clone, "make", "--no-print-directory", "demo")
	n := kept(t, output)
	dirty, err := exec.CommandContext(t.Context(), "git", "-C", clone, "status", "--porcelain").Output()
	if err != nil || len(dirty) > 0 {
		t.Errorf("building and playing changed the clone (%v):\n%s", err, dirty)
	}
	figure(t, 1, "make demo on a clean clone", len(promises), "kept", n, "seconds after the build", took.Seconds())
}

// plainEnvironment is what a build needs, without what this run was told.
func plainEnvironment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOTOOLCHAIN", "CGO_ENABLED"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}
