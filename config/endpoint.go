package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"

	"caregate/adapters/mllp"
)

// receiving names the endpoints that can be sent to.
func (e Endpoints) receiving() []string {
	var names []string
	if e.MLLP != nil && e.MLLP.Connect != "" {
		names = append(names, "mllp")
	}
	if e.FHIR != nil && e.FHIR.URL != "" {
		names = append(names, "fhir")
	}
	if e.EdFi != nil {
		names = append(names, "edfi")
	}
	return names
}

func (c *checker) endpoints(p Partner) {
	e := p.Endpoints
	if e.MLLP == nil && e.FHIR == nil && e.EdFi == nil {
		c.report(p.file, "endpoints", "a partner needs at least one endpoint: mllp, fhir or edfi")
	}
	if e.MLLP != nil {
		c.mllp(p.file, *e.MLLP)
	}
	if e.FHIR != nil {
		c.fhir(p.file, *e.FHIR)
	}
	if e.EdFi != nil {
		const at = "endpoints.edfi"
		c.url(p.file, at+".url", e.EdFi.URL, e.EdFi.AllowPrivate)
		c.url(p.file, at+".tokenURL", e.EdFi.TokenURL, e.EdFi.AllowPrivate)
		c.secret(p.file, at+".key", e.EdFi.Key)
		c.secret(p.file, at+".secret", e.EdFi.Secret)
		c.clientTLS(p.file, at+".tls", e.EdFi.TLS)
		if e.EdFi.StudentSystem != "" && e.EdFi.EducationOrganizationID > 0 {
			codec := c.edfiCodec(*e.EdFi)
			codec.Zone = "" // the site's, reported there
			for _, fault := range codec.Check() {
				c.report(p.file, at+".descriptors", fault.Error())
			}
		}
	}
}

func (c *checker) mllp(file string, m MLLP) {
	const at = "endpoints.mllp"
	if !mllp.HasCharset(m.Profile.Charset) {
		c.report(file, at+".profile", "this charset is not supported: UNICODE UTF-8, ASCII, or 8859/1 to 8859/9 and 8859/15")
	}
	if m.Listen == "" && m.Connect == "" {
		c.report(file, at, "needs listen, to receive, or connect, to send")
	}
	c.address(file, at+".listen", m.Listen)
	if host, ok := c.address(file, at+".connect", m.Connect); ok && m.ConnectTLS == nil && !m.Insecure && !loopback(host) {
		c.report(file, at+".connect", "would send in plain text beyond this machine: add connectTLS, or insecure: true where a tunnel protects it")
	}
	c.serverTLS(file, at+".tls", m.TLS)
	if host, _, err := net.SplitHostPort(m.Listen); err == nil && !loopback(host) && !m.Insecure && m.TLS != nil && (m.TLS.ClientCA == "" || len(m.Certificates) == 0) {
		c.report(file, at+".listen", "whoever can reach this listener would be the partner: add tls.clientCA and certificates, the names that prove it")
	}
	if len(m.Certificates) > 0 && (m.TLS == nil || m.TLS.ClientCA == "") {
		c.report(file, at+".certificates", "partners are known by a certificate only where tls.clientCA says who vouches for it")
	}
	c.clientTLS(file, at+".connectTLS", m.ConnectTLS)
}

func (c *checker) fhir(file string, f FHIR) {
	const at = "endpoints.fhir"
	if f.Token == "" && f.URL == "" {
		c.report(file, at, "needs token, to receive, or url, to send")
	}
	c.secret(file, at+".token", f.Token)
	c.url(file, at+".url", f.URL, f.AllowPrivate)
	c.secret(file, at+".bearer", f.Bearer)
	if o := f.ClientCredentials; o != nil {
		if f.Bearer != "" {
			c.report(file, at+".bearer", "a static token or clientCredentials, not both")
		}
		c.url(file, at+".clientCredentials.tokenURL", o.TokenURL, f.AllowPrivate)
		c.secret(file, at+".clientCredentials.clientID", o.ClientID)
		c.secret(file, at+".clientCredentials.secret", o.Secret)
	}
	c.clientTLS(file, at+".tls", f.TLS)
}

// listeners refuses plain text beyond the loopback interface, and one address for two.
func (c *checker) listeners() {
	taken := map[string]string{}
	one := func(file, path, address string, secure bool) {
		host, ok := c.address(file, path, address)
		if !ok {
			return
		}
		if !secure && !loopback(host) {
			c.report(file, path, "a listener in plain text that others can reach: bind 127.0.0.1 or add tls"+insecureHint(path))
		}
		if _, port, _ := net.SplitHostPort(address); port == "0" {
			return
		}
		if other, twice := taken[address]; twice {
			c.report(file, path, "another listener has this address, in "+other)
		}
		taken[address] = file
	}
	one(SiteFile, "listen.http", c.Site.Listen.HTTP, c.Site.Listen.TLS != nil)
	for _, p := range c.Partners {
		if m := p.Endpoints.MLLP; m != nil && m.Listen != "" {
			one(p.file, "endpoints.mllp.listen", m.Listen, m.TLS != nil || m.Insecure)
		}
	}
}

func insecureHint(path string) string {
	if path == "listen.http" {
		return ""
	}
	return ", or insecure: true where a tunnel protects it"
}

// Loopback reports whether every listener of the configuration is on the loopback interface.
func (c Config) Loopback() bool {
	all := []string{c.Site.Listen.HTTP}
	for _, p := range c.Partners {
		if m := p.Endpoints.MLLP; m != nil && m.Listen != "" {
			all = append(all, m.Listen)
		}
	}
	for _, address := range all {
		if host, _, err := net.SplitHostPort(address); err != nil || !loopback(host) {
			return false
		}
	}
	return true
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// address checks host:port; an empty one is not checked and not ok.
func (c *checker) address(file, path, address string) (host string, ok bool) {
	if address == "" {
		return "", false
	}
	host, port, err := net.SplitHostPort(address)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		c.report(file, path, "must be host:port")
		return "", false
	}
	return host, true
}

func (c *checker) url(file, path, text string, private bool) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		c.report(file, path, "must be an address such as https://host/fhir")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		c.report(file, path, "must not hold a user, a query or a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		c.report(file, path, "would send in plain text: begin with https://")
	case loopback(u.Hostname()) && !private:
		c.report(file, path, "a loopback address needs allowPrivate: true")
	}
}

func (c *checker) secret(file, path string, s Secret) {
	if _, err := s.Resolve(c.Dir, c.env); err != nil {
		c.report(file, path, err.Error())
	}
}

func (c *checker) serverTLS(file, path string, s *ServerTLS) {
	if _, err := c.server(s); err != nil {
		c.report(file, path, err.Error())
	}
}

func (c *checker) clientTLS(file, path string, s *ClientTLS) {
	if _, err := c.client(s); err != nil {
		c.report(file, path, err.Error())
	}
}

// server makes the TLS settings of a listener; nil for plain text.
func (c Config) server(s *ServerTLS) (*tls.Config, error) {
	if s == nil || s.Certificate == "" || s.Key == "" { // Load has reported an incomplete one
		return nil, nil
	}
	certificate, err := c.certificate(s.Certificate, s.Key)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	if s.ClientCA != "" {
		if settings.ClientCAs, err = c.roots(s.ClientCA); err != nil {
			return nil, err
		}
		settings.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return settings, nil
}

// client makes the TLS settings of a connection; nil where none are given.
func (c Config) client(s *ClientTLS) (*tls.Config, error) {
	if s == nil {
		return nil, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	var err error
	if s.CA != "" {
		if settings.RootCAs, err = c.roots(s.CA); err != nil {
			return nil, err
		}
	}
	if s.Certificate != "" || s.Key != "" {
		certificate, err := c.certificate(s.Certificate, s.Key)
		if err != nil {
			return nil, err
		}
		settings.Certificates = []tls.Certificate{certificate}
	}
	return settings, nil
}

func (c Config) certificate(cert, key string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(within(c.Dir, cert), within(c.Dir, key))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the certificate %s with the key %s cannot be used: both must be readable PEM files that belong together", cert, key)
	}
	return pair, nil
}

func (c Config) roots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(within(c.Dir, file))
	if err != nil {
		return nil, fmt.Errorf("the authorities in %s cannot be read", file)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in PEM form stands in " + file)
	}
	return pool, nil
}
