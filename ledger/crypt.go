package ledger

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

const keySize = 32 // bytes of a key-encryption key and of a data key

// keyring holds what is derived from the key-encryption key: it seals bodies with data
// keys (AES-256-GCM, NIST SP 800-38D), wraps data keys, and hashes what must be found again.
type keyring struct {
	plaintext          bool
	wrap               cipher.AEAD
	index, chain, rows []byte // HMAC keys of the blind index, the audit chain and the row seals
	flaters            sync.Pool
}

func newKeyring(kek []byte, plaintext bool) (*keyring, error) {
	if plaintext && len(kek) == 0 {
		kek = make([]byte, keySize)
	}
	if len(kek) != keySize {
		return nil, fmt.Errorf("key-encryption key has %d bytes, want %d", len(kek), keySize)
	}
	k := &keyring{plaintext: plaintext}
	k.flaters.New = func() any {
		w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // errs on an unknown level only
		return w
	}
	var wrap []byte
	for label, key := range map[string]*[]byte{"wrap": &wrap, "index": &k.index, "chain": &k.chain, "rows": &k.rows} {
		derived, err := hkdf.Key(sha256.New, kek, nil, "caregate ledger "+label, keySize)
		if err != nil {
			return nil, fmt.Errorf("derive %s key: %w", label, err)
		}
		*key = derived
	}
	var err error
	k.wrap, err = newAEAD(wrap)
	return k, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// dataKey seals the rows of one child, or of one message whose child is unknown.
type dataKey struct {
	id, child string
	main      bool
	wrapped   []byte
	fresh     bool // not yet in the database
	aead      cipher.AEAD
}

func (k *keyring) newKey(child string) (dataKey, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	aead, err := newAEAD(key)
	d := dataKey{id: newID("k_"), child: child, main: child != "", fresh: true, aead: aead}
	d.wrapped = k.wrap.Seal(nil, nil, key, []byte("data_key|"+d.id))
	return d, err
}

func (k *keyring) unwrap(id string, wrapped []byte) (dataKey, error) {
	if len(wrapped) == 0 {
		return dataKey{}, fmt.Errorf("data key %s: %w", id, ErrExpunged)
	}
	key, err := k.wrap.Open(nil, nil, wrapped, []byte("data_key|"+id))
	if err != nil {
		return dataKey{}, fmt.Errorf("data key %s: %w", id, ErrIntegrity)
	}
	aead, err := newAEAD(key)
	return dataKey{id: id, wrapped: wrapped, aead: aead}, err
}

// place names where a sealed body belongs: moved anywhere else it does not open.
// More are columns in clear that the body vouches for.
type place struct {
	table, row, column string
	more               []string
}

func (p place) aad(key string) []byte {
	return fields(append([]string{p.table, p.row, p.column, key}, p.more...)...)
}

// fields joins strings so that no two lists give the same bytes.
func fields(list ...string) []byte {
	var b []byte
	for _, s := range list {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// The first byte of a body before encryption.
const (
	stored   = 0
	deflated = 1
)

const deflateFrom = 256 // bytes; shorter bodies are stored as they are

// seal compresses and encrypts a body for its place; nil stays nil.
func (k *keyring) seal(key dataKey, at place, body []byte) []byte {
	if body == nil {
		return nil
	}
	packed := k.pack(body)
	if k.plaintext {
		return packed
	}
	return key.aead.Seal(nil, nil, packed, at.aad(key.id))
}

func (k *keyring) pack(body []byte) []byte {
	if k.plaintext || len(body) < deflateFrom {
		return append([]byte{stored}, body...)
	}
	out := bytes.NewBuffer(make([]byte, 0, len(body)/2))
	out.WriteByte(deflated)
	w := k.flaters.Get().(*flate.Writer)
	defer k.flaters.Put(w)
	w.Reset(out)
	w.Write(body) // a Buffer takes everything
	w.Close()
	return out.Bytes()
}

// open is the inverse of seal. A body that is damaged, or not where it was put, gives
// ErrIntegrity with the place.
func (k *keyring) open(key dataKey, at place, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	packed := sealed
	if !k.plaintext {
		var err error
		if packed, err = key.aead.Open(nil, nil, sealed, at.aad(key.id)); err != nil {
			return nil, at.damaged()
		}
	}
	switch {
	case len(packed) > 0 && packed[0] == stored:
		return packed[1:], nil
	case len(packed) > 0 && packed[0] == deflated:
		body, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed[1:])))
		if err != nil {
			return nil, at.damaged()
		}
		return body, nil
	}
	return nil, at.damaged()
}

func (p place) damaged() error {
	return fmt.Errorf("%s %s, column %s: %w", p.table, p.row, p.column, ErrIntegrity)
}

// blind is the keyed hash under which a value can be found and not read.
func (k *keyring) blind(domain string, value []byte) []byte {
	return mac(k.index, []byte(domain), []byte{0}, value)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// developmentKey is the file that DevelopmentKey keeps.
const developmentKey = "development.key"

// DevelopmentKey reads the key-encryption key in dir, and makes one when there is none.
// A key next to the data it opens protects nothing: the caller has to say so loudly.
func DevelopmentKey(dir string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	path := filepath.Join(dir, developmentKey)
	key := make([]byte, keySize)
	rand.Read(key)
	// Written aside and linked into place, so that of two processes one wins and both read the same.
	aside := path + "." + newID("")
	if err := os.WriteFile(aside, key, 0o600); err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	defer os.Remove(aside)
	if err := os.Link(aside, path); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("development key: %w", err)
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != keySize {
		err = fmt.Errorf("%d bytes, want %d", len(key), keySize)
	}
	if err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	return key, nil
}
