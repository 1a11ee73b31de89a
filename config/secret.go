package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Secret is a reference to a credential, ${NAME} for an environment variable or file:PATH
// for a file, relative to the configuration. The credential itself never stands here.
type Secret string

var environmentName = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// Lookup finds an environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, found bool)

// Resolve returns the credential. Its errors name the reference, never the credential.
func (s Secret) Resolve(dir string, env Lookup) (string, error) {
	if s == "" {
		return "", nil
	}
	if name := environmentName.FindStringSubmatch(string(s)); name != nil {
		value, found := env(name[1])
		if value = strings.TrimSpace(value); !found || value == "" {
			return "", fmt.Errorf("the environment variable %s is not set", name[1])
		}
		return value, nil
	}
	path, isFile := strings.CutPrefix(string(s), "file:")
	if !isFile || path == "" {
		return "", errors.New("a credential must not stand in plain text: write ${NAME} for an environment variable or file:PATH")
	}
	content, err := os.ReadFile(within(dir, path))
	if err != nil {
		return "", fmt.Errorf("the credential file %s cannot be read", path)
	}
	if value := strings.TrimSpace(string(content)); value != "" {
		return value, nil
	}
	return "", fmt.Errorf("the credential file %s is empty", path)
}

// within resolves a path of the configuration against its directory.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
