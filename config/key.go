package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"caregate/ledger"
)

// KeyVariable is the environment variable of the key where the configuration names none.
const KeyVariable = "CAREGATE_KEY"

// key returns the key-encryption key that the configuration names; nil where it names none.
func (c Config) key() ([]byte, error) {
	switch {
	case c.Site.Key.File != "":
		return KeyFile(within(c.Dir, c.Site.Key.File))
	case c.Site.Key.Env != "":
		return c.environmentKey(c.Site.Key.Env)
	}
	return nil, nil
}

func (c Config) environmentKey(name string) ([]byte, error) {
	text, set := c.env(name)
	if !set || text == "" {
		return nil, fmt.Errorf("the environment variable %s is not set", name)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

// KeyFile reads a key-encryption key: 32 bytes as they are, as 64 hex digits, or as base64.
func KeyFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New("the key file cannot be read")
	}
	if len(text) == 32 {
		return text, nil
	}
	return parseKey(string(text))
}

func parseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString} {
		if key, err := decode(text); err == nil && len(key) == 32 {
			return key, nil
		}
	}
	return nil, errors.New("the key must be 32 bytes, written as 64 hex digits or as base64")
}

// keyOr returns the key to open a ledger with: the given one, else the configured one, else
// that of the environment, else a development key next to the data.
func (c Config) keyOr(given []byte, dataDir string) (key []byte, development bool, err error) {
	if given != nil {
		return given, false, nil
	}
	if key, err = c.key(); key != nil || err != nil {
		return key, false, err
	}
	if _, set := c.env(KeyVariable); set {
		key, err = c.environmentKey(KeyVariable)
		return key, false, err
	}
	key, err = ledger.DevelopmentKey(dataDir)
	return key, true, err
}
