package policy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"path"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// Verifier checks signatures of law with a public key. The form is OPA's signed bundle:
// .signatures.json with one JWS (RFC 7515) whose payload lists every file of the folder with its
// SHA-256. Two things are stricter: the hash is over the bytes of every file, data files
// included, and names include the folder, so that one state's law cannot pass as another's.
type Verifier struct {
	config *bundle.VerificationConfig
}

const signingKeyID = "law"

var errKeyForm = errors.New("not a PEM key of RSA, ECDSA (P-256, P-384, P-521) or Ed25519")

// NewVerifier reads a public key in PEM form ("PUBLIC KEY"), or a certificate.
func NewVerifier(text []byte) (*Verifier, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errKeyForm
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		err = errKeyForm
	}
	algorithm := algorithmOf(public)
	if err != nil || algorithm == "" {
		return nil, errKeyForm
	}
	keys := map[string]*bundle.KeyConfig{signingKeyID: {Key: string(pem.EncodeToMemory(block)), Algorithm: algorithm}}
	return &Verifier{bundle.NewVerificationConfig(keys, signingKeyID, "", nil)}, nil
}

// algorithmOf is the JWS algorithm of a key (RFC 7518 3.1, RFC 8037 3.1). It comes from the
// key and never from the signature, which could otherwise choose a weaker one.
func algorithmOf(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		return map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[k.Curve.Params().Name]
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}

// Verify checks every folder: what is unsigned, changed, missing or added is an error.
func (v *Verifier) Verify(f Files) error {
	for _, folder := range f.Folders() {
		if err := v.folder(f, folder); err != nil {
			return fmt.Errorf("%s: %w", path.Join(folder, signaturesFile), err)
		}
	}
	return nil
}

func (v *Verifier) folder(f Files, folder string) error {
	text, signed := f[path.Join(folder, signaturesFile)]
	if !signed {
		return errors.New("the folder is not signed: sign it with caregate policy sign")
	}
	var signatures bundle.SignaturesConfig
	if err := json.Unmarshal(text, &signatures); err != nil {
		return errors.New("not readable: sign the folder again")
	}
	signatures.Plugin = "" // the file does not choose who verifies it
	stated, err := bundle.VerifyBundleSignature(signatures, v.config)
	if err != nil {
		return errors.New("the signature is not one of the configured key: sign the folder with its private key")
	}
	for _, info := range signedFiles(f, folder) {
		if stated[info.Name].Hash != info.Hash || stated[info.Name].Algorithm != info.Algorithm {
			return fmt.Errorf("%s is not as it was signed: review it, then sign the folder again", info.Name)
		}
		delete(stated, info.Name)
	}
	for name := range stated {
		return fmt.Errorf("%s was signed and is missing", name)
	}
	return nil
}

// signedFiles lists what a signature speaks of.
func signedFiles(f Files, folder string) []bundle.FileInfo {
	var list []bundle.FileInfo
	for _, name := range f.in(folder) {
		if name != signaturesFile {
			sum := sha256.Sum256(f[path.Join(folder, name)])
			list = append(list, bundle.NewFile(path.Join(folder, name), hex.EncodeToString(sum[:]), bundle.SHA256.String()))
		}
	}
	return list
}

// Sign makes the signature file of a folder with a private key in PEM form (PKCS #8).
// Its name is FOLDER/.signatures.json.
func Sign(f Files, folder string, text []byte) (name string, content []byte, err error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return "", nil, errKeyForm
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", nil, errKeyForm
	}
	signer, ok := private.(crypto.Signer)
	if !ok || algorithmOf(signer.Public()) == "" {
		return "", nil, errKeyForm
	}
	config := bundle.NewSigningConfig(string(pem.EncodeToMemory(block)), algorithmOf(signer.Public()), "")
	token, err := bundle.GenerateSignedToken(signedFiles(f, folder), config, signingKeyID)
	if err != nil {
		return "", nil, fmt.Errorf("sign %s: %w", folder, err)
	}
	content, err = json.MarshalIndent(map[string][]string{"signatures": {token}}, "", "  ")
	return path.Join(folder, signaturesFile), append(content, '\n'), err
}
