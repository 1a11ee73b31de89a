package fhirrest

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"strings"
)

// maxToken is the longest bearer token that is looked at, in bytes.
const maxToken = 8 << 10

// Credentials say which partner a request comes from. The tokens themselves are not kept.
type Credentials struct {
	Tokens map[string]string // HashToken(bearer token) -> partner id
	Names  map[string]string // DNS or URI name in a verified client certificate -> partner id
}

// HashToken is the form in which a bearer token is registered: hex SHA-256.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Partner authenticates a request. Where it carries a certificate and a token, both must
// name the same partner.
func (c Credentials) Partner(r *http.Request) (string, bool) {
	named, certified := c.byCertificate(r)
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return named, certified
	}
	if len(values) > 1 {
		return "", false
	}
	partner, ok := c.byToken(values[0])
	if !ok || certified && named != partner {
		return "", false
	}
	return partner, true
}

// byToken compares with every registered token, in the same time whichever it is.
func (c Credentials) byToken(header string) (partner string, ok bool) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", false
	}
	given := []byte(HashToken(token))
	for hash, owner := range c.Tokens {
		if subtle.ConstantTimeCompare(given, []byte(strings.ToLower(hash))) == 1 {
			partner, ok = owner, owner != ""
		}
	}
	return partner, ok
}

func (c Credentials) byCertificate(r *http.Request) (string, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return "", false
	}
	partner := ""
	for _, name := range subjectNames(r.TLS.VerifiedChains[0][0]) {
		owner, ok := c.Names[name]
		if ok && partner != "" && owner != partner {
			return "", false // a certificate for two partners proves neither
		}
		if ok {
			partner = owner
		}
	}
	return partner, partner != ""
}

func subjectNames(cert *x509.Certificate) []string {
	names := append([]string(nil), cert.DNSNames...)
	for _, uri := range cert.URIs {
		names = append(names, uri.String())
	}
	return names
}
