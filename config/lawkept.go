package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"caregate/policy"
)

// The kept law: every bundle that ever decided, one file a revision, and which were last
// activated from disk. It holds law and nothing of a child.
const (
	keptFolder = "law"
	activeFile = "active.json"
)

// keptName guards the way from a name in a decision to a file.
var keptName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+_-]*$`)

func (a *App) keptFile(bundle, revision string) (string, error) {
	if !keptName.MatchString(bundle) || !keptName.MatchString(revision) {
		return "", errors.New("a bundle and its revision are named by letters, digits, dots, hyphens and plus signs")
	}
	return filepath.Join(a.options.DataDir, keptFolder, bundle+"@"+revision+".tar.gz"), nil
}

// keepLaw keeps the bytes of every bundle that an Engine was made of.
func (a *App) keepLaw(e *policy.Engine) error {
	if err := os.MkdirAll(filepath.Join(a.options.DataDir, keptFolder), 0o700); err != nil {
		return err
	}
	for bundle, revision := range e.Revision() {
		name, err := a.keptFile(bundle, revision)
		if err != nil {
			return err
		}
		if _, err := os.Stat(name); err == nil {
			continue
		}
		packed, err := e.Files().Only(bundle).Pack()
		if err == nil {
			err = replaceFile(name, packed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// activeLaw is which law was last activated, for a start at which the law on disk is broken.
type activeLaw struct {
	Law map[string]string `json:"law"` // bundle -> revision
	Own []string          `json:"own"` // those that came from disk
}

func (a *App) lastActive() (active activeLaw) {
	text, err := os.ReadFile(filepath.Join(a.options.DataDir, keptFolder, activeFile))
	if err != nil || json.Unmarshal(text, &active) != nil {
		return activeLaw{}
	}
	return active
}

func (a *App) nowActive(e *policy.Engine, own []string) error {
	text, err := json.Marshal(activeLaw{Law: e.Revision(), Own: own})
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(a.options.DataDir, keptFolder, activeFile), text)
}

// keptLaw reads kept revisions.
func (a *App) keptLaw(revisions map[string]string) (policy.Files, error) {
	files := policy.Files{}
	for bundle, revision := range revisions {
		name, err := a.keptFile(bundle, revision)
		if err != nil {
			return nil, err
		}
		packed, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("the law %s %s is not kept here", bundle, revision)
		}
		one, err := policy.Unpack(packed)
		if err != nil {
			return nil, err
		}
		files = one.Over(files)
	}
	return files, nil
}

// lastLaw is the law that was last activated from disk, verified and tested anew over the built-in law.
func (a *App) lastLaw(ctx context.Context, c Config, base policy.Files) (*policy.Engine, error) {
	active, revisions := a.lastActive(), map[string]string{}
	for _, bundle := range active.Own {
		if revision, used := active.Law[bundle]; used {
			revisions[bundle] = revision
		}
	}
	if len(revisions) == 0 {
		return nil, errors.New("no law from disk was activated before")
	}
	own, err := a.keptLaw(revisions)
	if err != nil {
		return nil, err
	}
	tried, err := a.tryLaw(ctx, c, own, base.Only(base.Bundles()...)) // its cases were tried when it was activated
	if err != nil {
		return nil, err
	}
	return tried.engine, nil
}

// replayEngine is the law of a past decision, from the bytes that were kept.
func (a *App) replayEngine(ctx context.Context, revisions map[string]string) (*policy.Engine, error) {
	files, err := a.keptLaw(revisions)
	if err != nil {
		return nil, err
	}
	e, err := files.Load(ctx, files.Bundles(), policy.Limits{})
	if err != nil {
		return nil, err
	}
	for bundle, revision := range e.Revision() {
		if revisions[bundle] != revision {
			return nil, fmt.Errorf("the kept law %s is not the one of %s", bundle, revisions[bundle])
		}
	}
	return e, nil
}
