package mllp

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"caregate/hl7v2"
)

// Parties says who sends to a listener. The transport proves it: the listener is the partner's own, or
// the client's certificate is registered. MSH-3 and MSH-4 name a partner only on a listener where
// that is agreed, and otherwise are checked against the one that is proved.
type Parties struct {
	// Partner is the id of the one partner of the listener; "" when it is shared.
	Partner string
	// Certificates maps a name in the client's certificate (DNS name, URI or mail address of its
	// subjectAltName) to a partner id. Where there are any, a verified client certificate is demanded.
	Certificates map[string]string
	// Applications maps MSH-3.1 and MSH-4.1 as "APPLICATION|FACILITY", or "APPLICATION" alone, to a partner
	// id. It proves a partner only where nothing else does, on a plain listener; where something does,
	// a message that names another party is refused. Empty: MSH-3 and MSH-4 are not looked at.
	Applications map[string]string
}

var (
	errStranger = errors.New("the sending application and facility are not registered here")
	errNobody   = errors.New("the certificate is not registered here")
)

// check refuses parties by which no sender can be known.
func (p Parties) check(settings *tls.Config) error {
	switch {
	case len(p.Certificates) > 0 && settings == nil:
		return errors.New("mllp: partners known by certificate need TLS")
	case p.Partner == "" && len(p.Certificates) == 0 && len(p.Applications) == 0:
		return errors.New("mllp: a listener needs a partner, certificates or applications")
	case p.Partner == "" && len(p.Certificates) == 0 && settings != nil && settings.ClientAuth != tls.RequireAndVerifyClientCert:
		return errors.New("mllp: a shared listener with TLS needs client certificates")
	}
	return nil
}

// demand returns the settings of the listener: TLS 1.2 or later, and a client certificate where partners are known by it.
func (p Parties) demand(settings *tls.Config) *tls.Config {
	settings = settings.Clone()
	settings.MinVersion = max(settings.MinVersion, tls.VersionTLS12)
	if len(p.Certificates) > 0 {
		settings.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return settings
}

// resolve returns the partner who sent a message over a connection with those certificate names.
func (p Parties) resolve(names []string, header hl7v2.Header) (string, error) {
	proved := p.Partner
	if len(p.Certificates) > 0 {
		i := slices.IndexFunc(names, func(name string) bool { return p.Certificates[name] != "" })
		if i < 0 {
			return "", errNobody
		}
		if proved = p.Certificates[names[i]]; p.Partner != "" && proved != p.Partner {
			return "", errNobody
		}
	}
	if len(p.Applications) == 0 {
		return proved, nil
	}
	named := p.named(header)
	if named == "" || proved != "" && named != proved {
		return "", errStranger
	}
	return named, nil
}

// named returns the partner that MSH-3 and MSH-4 name.
func (p Parties) named(header hl7v2.Header) string {
	application, facility := first(header.SendingApplication, header), first(header.SendingFacility, header)
	if partner := p.Applications[application+"|"+facility]; partner != "" {
		return partner
	}
	return p.Applications[application]
}

// first returns the first component of a raw field.
func first(raw string, header hl7v2.Header) string {
	head, _, _ := strings.Cut(raw, string(rune(header.Delimiters.Component)))
	return hl7v2.Unescape(head, header.Delimiters)
}

// certificateNames returns the names in the verified certificate of the client.
func certificateNames(state tls.ConnectionState) []string {
	if len(state.VerifiedChains) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	names := slices.Concat(leaf.DNSNames, leaf.EmailAddresses)
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	return names
}
