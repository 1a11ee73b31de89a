package httpout

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// errForbidden is the refusal of an address by guard.
var errForbidden = errors.New("address is not allowed")

// parseURL takes an absolute http or https URL without credentials, query and fragment.
// Its errors do not repeat the URL, which may hold a credential by mistake.
func parseURL(text string, private bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("url is not readable")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("url must begin with https://")
	case u.Scheme == "http" && !private:
		return nil, errors.New("url must begin with https://; plain http needs allowPrivate and a loopback address")
	case u.Hostname() == "":
		return nil, errors.New("url names no host")
	case u.User != nil:
		return nil, errors.New("url must not hold a user or password")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, errors.New("url must not hold a query or a fragment")
	}
	return u, nil
}

// guard decides on the address that a name resolved to, at the moment of connecting, so
// that a name cannot be rebound between check and use.
type guard struct {
	private      bool // loopback, RFC 1918 and ULA are allowed
	loopbackOnly bool // plain text: nothing but loopback is allowed
}

func (g guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !g.allows(to.Addr()) {
		return errForbidden
	}
	return nil
}

func (g guard) allows(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	switch {
	case a.IsLoopback():
		return g.private
	case g.loopbackOnly:
		return false
	case a.IsPrivate():
		return g.private
	}
	for _, p := range neverPublic() {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast()
}

// neverPublic lists the special-purpose ranges (IANA registries, RFC 6890) that no partner
// lives in. IsGlobalUnicast covers multicast, link-local (169.254.169.254 too) and unspecified.
func neverPublic() []netip.Prefix {
	const ranges = "0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 " +
		"203.0.113.0/24 240.0.0.0/4 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 fec0::/10"
	var out []netip.Prefix
	for text := range strings.FieldsSeq(ranges) {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}
