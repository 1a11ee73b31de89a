package consent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// peer is the other engine in a process of its own, asked for so many runs.
type peer struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// peerAnswer is what it says of its runs.
type peerAnswer struct {
	NS       int64    `json:"ns"`
	Decision string   `json:"decision"`
	Kept     []string `json:"kept"`
}

// startPeer installs the peer once, at the versions and hashes of its lock file, and starts it.
func startPeer(t *testing.T) *peer {
	t.Helper()
	cmd := exec.Command("node", filepath.Join("peer", "speed.mjs"), installPeer(t))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &peer{in, bufio.NewReader(out)}
}

func installPeer(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../.cache/consent-peer")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json"} {
		want, err := os.ReadFile(filepath.Join("peer", name))
		if err != nil {
			t.Fatal(err)
		}
		if have, _ := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(have, want) {
			fresh = false
		}
		if err := os.WriteFile(filepath.Join(dir, name), want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@asushares", "core")); err == nil && fresh {
		return dir
	}
	if out, err := exec.Command("npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		t.Fatalf("npm ci (make prove needs npm): %v\n%s", err, out)
	}
	return dir
}

func (p *peer) run(t *testing.T, question map[string]any, runs int) peerAnswer {
	t.Helper()
	question["runs"] = runs
	text, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var a peerAnswer
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	return a
}
