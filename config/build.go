package config

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/adapters/cdshooks"
	"caregate/adapters/edfi"
	"caregate/adapters/fhirrest"
	"caregate/adapters/httpout"
	"caregate/adapters/mllp"
	"caregate/consent"
	"caregate/gateway"
	"caregate/identity"
	"caregate/policy"
)

// generation is one configuration, built: what a reload replaces as a whole.
type generation struct {
	config  Config
	engine  *policy.Engine
	tried   *triedLaw // law that comes into force with this generation; nil where it decides already
	gateway *gateway.Gateway
	fhir    *fhirrest.Receiver
	consult *cdshooks.Handler
	senders map[string]adapters.Sender // by destination, "clinic.fhir"
}

// build makes the parts of a configuration. It binds and connects nothing.
func (a *App) build(ctx context.Context, c Config, previous *generation) (*generation, error) {
	g := &generation{config: c, senders: map[string]adapters.Sender{}}
	var err error
	if g.engine, g.tried, err = a.lawFor(ctx, c, previous); err != nil {
		return nil, fmt.Errorf("law: %w", err)
	}
	credentials, err := c.credentials()
	if err != nil {
		return nil, err
	}
	if g.fhir, err = a.fhirReceiver(c, credentials); err != nil {
		return nil, err
	}
	g.consult = cdshooks.New(cdshooks.Config{
		Partner: credentials.Partner, MaxBytes: int64(c.Site.Limits.MessageBytes), MaxInFlight: c.Site.Limits.InFlight,
	}, a.consult)
	if g.gateway, err = a.gateway(g); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// close lets go of the connections to partners.
func (g *generation) close() {
	for _, s := range g.senders {
		if closer, ok := s.(io.Closer); ok {
			_ = closer.Close() // idle connections: nothing is lost with them
		}
	}
}

func (a *App) gateway(g *generation) (*gateway.Gateway, error) {
	c := g.config
	labeler, err := policy.LoadLabeler(policy.Labels())
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	zone, err := time.LoadLocation(c.Site.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	o := a.pipeline(c)
	o.Policy, o.Labeler, o.Zone = g.engine, labeler, zone
	o.Partners = []gateway.Partner{operator()}
	for _, p := range c.Partners {
		o.Partners = append(o.Partners, c.registered(p))
	}
	for _, r := range c.Routes {
		route, err := g.route(r)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", r.Name, err)
		}
		o.Routes = append(o.Routes, route)
	}
	return gateway.New(o)
}

// pipeline are the options that do not depend on partners.
func (a *App) pipeline(c Config) gateway.Options {
	d := c.Site.Delivery
	o := gateway.Options{
		Ledger: a.ledger, Schedule: a.schedule, Assigners: identity.Assigners{}, Jurisdiction: c.Site.Jurisdiction, Implicit: c.Site.Implicit, AskWitness: c.Site.WitnessForms,
		Now: a.options.Now, Log: a.options.Log, Workers: d.Workers, SendTimeout: d.SendTimeout,
		Backoff: gateway.Backoff{First: d.FirstRetry, Cap: d.LongestRetry},
	}
	if d.Alert != "" {
		o.Alert = alert(d.Alert)
	}
	if a.hooks != nil {
		o.Hooks = a.hooks
	}
	for _, system := range c.Site.Assigners {
		o.Assigners[system] = true
	}
	return o
}

// registered is a partner as the pipeline knows it.
func (c Config) registered(p Partner) gateway.Partner {
	g := gateway.Partner{
		ID: p.ID, Name: p.Name, Owner: p.Owner, Recipient: p.Organization.recipient(), Asserts: map[gateway.Assertion]bool{},
		Codecs:     map[string]adapters.Codec{},
		Duplicates: gateway.Duplicates{Window: p.Duplicates.Window, Flag: p.Duplicates.Conflict == "flag"},
		Reads:      p.Reads,
	}
	for _, a := range p.Asserts {
		g.Asserts[gateway.Assertion(a)] = true
	}
	if p.Endpoints.MLLP != nil {
		g.Codecs[mllp.Protocol] = c.codec(p, "mllp")
	}
	if p.Endpoints.FHIR != nil {
		g.Codecs[fhirrest.Protocol] = c.codec(p, "fhir")
		g.Codecs[cdshooks.Protocol] = cdshooks.Codec{}
	}
	return g
}

func (o Organization) recipient() consent.Recipient {
	r := consent.Recipient{
		Ref: o.Reference, Organization: o.Reference, Ancestors: o.Ancestors, OrgType: o.Type, Role: o.Role, Clinician: o.Clinician,
		MemberOf: o.MemberOf, EducationalInterest: o.EducationalInterest,
	}
	for _, id := range o.Identifiers {
		r.Identifiers = append(r.Identifiers, consent.Identifier{System: id.System, Value: id.Value})
	}
	return r
}

// route builds a route; routes to the same endpoint share one sender.
func (g *generation) route(r Route) (gateway.Route, error) {
	p, _ := g.config.partner(r.To)
	endpoint := cmp.Or(r.Endpoint, strings.Join(p.Endpoints.receiving(), ""))
	out := gateway.Route{
		Name: r.Name, Services: r.Services, From: r.From, To: r.To, Endpoint: endpoint, OwnReferrals: r.OwnReferrals, Purpose: r.Purpose,
		Content: r.Content, Needs: r.Needs, Urgent: r.Urgent, Expires: cmp.Or(r.Expires, g.config.Site.Delivery.Expires),
		Codec: g.config.codec(p, endpoint),
	}
	for _, kind := range r.Kinds {
		out.Kinds = append(out.Kinds, gateway.Kind(kind))
	}
	if sender := g.senders[out.Destination()]; sender != nil {
		out.Sender = sender
		return out, nil
	}
	var err error
	if out.Sender, err = g.config.sender(p, endpoint); err != nil {
		return out, err
	}
	g.senders[out.Destination()] = out.Sender
	return out, nil
}

// codec is the switch from an endpoint to what reads and renders its format.
func (c Config) codec(p Partner, endpoint string) adapters.Codec {
	switch endpoint {
	case "mllp":
		m := p.Endpoints.MLLP
		return mllp.Codec{Profile: m.Profile.Profile, Processing: m.Processing, Versions: m.Versions}
	case "fhir":
		return fhirrest.Codec{Message: p.Endpoints.FHIR.Mode == "message"}
	case "edfi":
		return c.edfiCodec(*p.Endpoints.EdFi)
	}
	return nil
}

func (c Config) edfiCodec(e EdFi) edfi.Codec {
	return edfi.Codec{
		StudentSystem: e.StudentSystem, ContactSystem: e.ContactSystem, EducationOrganizationID: e.EducationOrganizationID,
		DataPath: e.DataPath, ConfidentialAddresses: e.ConfidentialAddresses, Zone: c.Site.Zone, Descriptors: e.Descriptors,
	}
}

// sender is the switch from an endpoint to what sends there. It connects to nothing.
func (c Config) sender(p Partner, endpoint string) (adapters.Sender, error) {
	switch endpoint {
	case "mllp":
		m := p.Endpoints.MLLP
		settings, err := c.client(m.ConnectTLS)
		if err != nil {
			return nil, err
		}
		return mllp.NewSender(mllp.SenderConfig{
			Address: m.Connect, TLS: settings, Insecure: m.Insecure, Conns: m.Connections, AnswerTimeout: c.Site.Delivery.SendTimeout,
		})
	case "fhir":
		f := p.Endpoints.FHIR
		out, err := c.httpClient(f.URL, f.AllowPrivate, f.TLS)
		if err != nil {
			return nil, err
		}
		if out.Bearer, err = f.Bearer.Resolve(c.Dir, c.env); err != nil {
			return nil, err
		}
		if o := f.ClientCredentials; o != nil {
			if out.OAuth, err = c.oauth(o.TokenURL, o.ClientID, o.Secret, o.Scope); err != nil {
				return nil, err
			}
		}
		path := ""
		if f.Mode == "message" {
			path = "/$process-message"
		}
		return fhirrest.NewSender(fhirrest.SenderConfig{Config: out, Path: path})
	case "edfi":
		e := p.Endpoints.EdFi
		out, err := c.httpClient(e.URL, e.AllowPrivate, e.TLS)
		if err != nil {
			return nil, err
		}
		tokenURL := cmp.Or(e.TokenURL, strings.TrimSuffix(e.URL, "/")+"/oauth/token")
		if out.OAuth, err = c.oauth(tokenURL, e.Key, e.Secret, ""); err != nil {
			return nil, err
		}
		return edfi.NewSender(edfi.SenderConfig{Config: out, DataPath: e.DataPath, Overwrite: e.Overwrite})
	}
	return nil, fmt.Errorf("the partner %s has no endpoint %q", p.ID, endpoint)
}

func (c Config) oauth(tokenURL string, id, secret Secret, scope string) (*httpout.OAuth, error) {
	o := &httpout.OAuth{TokenURL: tokenURL, Scope: scope}
	var err error
	if o.ClientID, err = id.Resolve(c.Dir, c.env); err != nil {
		return nil, err
	}
	o.Secret, err = secret.Resolve(c.Dir, c.env)
	return o, err
}

func (c Config) httpClient(url string, private bool, s *ClientTLS) (httpout.Config, error) {
	out := httpout.Config{URL: url, AllowPrivate: private, Timeout: c.Site.Delivery.SendTimeout}
	settings, err := c.client(s)
	if err != nil || settings == nil {
		return out, err
	}
	out.Roots, out.Certificates = roots(settings), settings.Certificates
	return out, nil
}

func roots(t *tls.Config) *x509.CertPool { return t.RootCAs }

// credentials are the bearer tokens of every partner.
func (c Config) credentials() (fhirrest.Credentials, error) {
	tokens := map[string]string{}
	for _, p := range c.Partners {
		if p.Endpoints.FHIR == nil {
			continue
		}
		token, err := p.Endpoints.FHIR.Token.Resolve(c.Dir, c.env)
		if err != nil {
			return fhirrest.Credentials{}, fmt.Errorf("partner %s: %w", p.ID, err)
		}
		if token != "" {
			tokens[fhirrest.HashToken(token)] = p.ID
		}
	}
	return fhirrest.Credentials{Tokens: tokens}, nil
}

// fhirReceiver makes the handler under /fhir.
func (a *App) fhirReceiver(c Config, credentials fhirrest.Credentials) (*fhirrest.Receiver, error) {
	return fhirrest.New(fhirrest.Config{
		Credentials: credentials, MaxBytes: int64(c.Site.Limits.MessageBytes),
		MaxInFlight: c.Site.Limits.InFlight, Software: a.options.Version,
	}, a.accept, a.read)
}

// mllpReceiver binds the listener of one partner.
func (a *App) mllpReceiver(c Config, p Partner) (adapters.Receiver, error) {
	m := p.Endpoints.MLLP
	settings, err := c.server(m.TLS)
	if err != nil {
		return nil, err
	}
	parties := mllp.Parties{Partner: p.ID, Certificates: toPartner(m.Certificates, p.ID), Applications: toPartner(m.Applications, p.ID)}
	return mllp.New(mllp.Config{
		Address: m.Listen, TLS: settings, Insecure: m.Insecure, Parties: parties, Enhanced: m.Enhanced,
		MaxBytes: c.Site.Limits.MessageBytes, MaxConns: c.Site.Limits.Connections, Log: a.options.Log,
	}, a.accept)
}

func toPartner(names []string, partner string) map[string]string {
	all := map[string]string{}
	for _, name := range names {
		all[name] = partner
	}
	return all
}
