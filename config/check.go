package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"caregate/fhir"
)

func itoa(n int) string { return strconv.Itoa(n) }

// checker collects what is wrong beyond the form of single values.
type checker struct {
	Config
	problems Problems
}

func (c *checker) report(file, path, text string) {
	c.problems = append(c.problems, c.problem(file, path, text))
}

// Check returns what is wrong between the parts of a configuration: names that lead
// nowhere, credentials that cannot be had, listeners that would be open.
func Check(config Config) Problems {
	c := &checker{Config: config}
	c.site()
	c.partners()
	c.listeners()
	c.routes()
	return c.problems.sorted()
}

func (c *checker) site() {
	s := c.Site
	if s.Zone != "" {
		if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
			c.report(SiteFile, "zone", "not an IANA time zone such as America/Chicago")
		}
	}
	c.law()
	if s.Delivery.LongestRetry < s.Delivery.FirstRetry {
		c.report(SiteFile, "delivery.longestRetry", "must not be shorter than delivery.firstRetry")
	}
	if s.Key.File != "" && s.Key.Env != "" {
		c.report(SiteFile, "key", "the key comes from a file or from the environment, not from both")
	} else if _, err := c.key(); err != nil {
		c.report(SiteFile, "key", err.Error())
	}
	c.serverTLS(SiteFile, "listen.tls", s.Listen.TLS)
}

var (
	partnerName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	organization = regexp.MustCompile(`^(Organization|HealthcareService|CareTeam)/[A-Za-z0-9.\-]{1,64}$`)
)

func (c *checker) partners() {
	seen := map[string]string{}
	for _, p := range c.Partners {
		first, twice := seen[p.ID]
		switch {
		case twice:
			c.report(p.file, "id", "the id "+p.ID+" stands in "+first+" too")
		case !partnerName.MatchString(p.ID):
			c.report(p.file, "id", "an id has at most 32 lower-case letters, digits and hyphens")
		case p.ID == OperatorID:
			c.report(p.file, "id", "the id operator belongs to the operator of the gateway")
		}
		seen[p.ID] = p.file
		if p.Organization.Reference != "" && !organization.MatchString(p.Organization.Reference) {
			c.report(p.file, "organization.reference", "must be a reference such as Organization/psych-clinic")
		}
		for i, ancestor := range p.Organization.Ancestors {
			if !organization.MatchString(ancestor) {
				c.report(p.file, "organization.ancestors["+itoa(i)+"]", "must be a reference such as Organization/psych-clinic")
			}
		}
		if p.Reads != "" {
			c.purpose(p.file, "reads", p.Reads)
		}
		if !p.broken {
			c.endpoints(p)
		}
	}
	c.tokens()
}

// tokens refuses one credential for two partners: it would prove neither.
func (c *checker) tokens() {
	owner := map[string]string{}
	for _, p := range c.Partners {
		if p.Endpoints.FHIR == nil {
			continue
		}
		token, err := p.Endpoints.FHIR.Token.Resolve(c.Dir, c.env)
		if err != nil || token == "" {
			continue
		}
		if other, taken := owner[token]; taken {
			c.report(p.file, "endpoints.fhir.token", "the partner "+other+" has the same token: each needs its own")
		}
		owner[token] = p.ID
	}
}

func (c *checker) routes() {
	seen := map[string]bool{}
	for _, r := range c.Routes {
		if seen[r.Name] && r.Name != "" {
			c.report(RoutesFile, r.path+".name", "two routes have the name "+r.Name)
		}
		seen[r.Name] = true
		for i, from := range r.From {
			if _, known := c.partner(from); !known {
				c.report(RoutesFile, r.path+".from["+itoa(i)+"]", "no partner has this id"+c.knownPartners())
			}
		}
		if r.Purpose != "" {
			c.purpose(RoutesFile, r.path+".purpose", r.Purpose)
		}
		c.destination(r)
		c.content(r)
	}
}

func (c *checker) knownPartners() string {
	var ids []string
	for _, p := range c.Partners {
		ids = append(ids, p.ID)
	}
	return "; there are: " + strings.Join(ids, ", ")
}

// destination checks that a route leads to an endpoint that can receive.
func (c *checker) destination(r Route) {
	if r.To == "" {
		return
	}
	p, known := c.partner(r.To)
	if !known {
		c.report(RoutesFile, r.path+".to", "no partner has this id"+c.knownPartners())
		return
	}
	receiving := p.Endpoints.receiving()
	switch {
	case p.broken, r.Endpoint != "" && !slices.Contains([]string{"mllp", "fhir", "edfi"}, r.Endpoint): // said already
	case len(receiving) == 0:
		c.report(RoutesFile, r.path+".to", "the partner "+r.To+" has no endpoint that can receive: give it mllp.connect, fhir.url or edfi")
	case r.Endpoint == "" && len(receiving) > 1:
		c.report(RoutesFile, r.path+".to", "the partner "+r.To+" has several endpoints that can receive: add endpoint: "+strings.Join(receiving, " or "))
	case r.Endpoint != "" && !slices.Contains(receiving, r.Endpoint):
		c.report(RoutesFile, r.path+".endpoint", "the partner "+r.To+" does not receive by "+r.Endpoint+", only by "+strings.Join(receiving, ", "))
	}
}

func (c *checker) content(r Route) {
	for i, name := range r.Content {
		if !isResourceType(name) {
			c.report(RoutesFile, r.path+".content["+itoa(i)+"]", "FHIR R4 has no resource type of this name")
		}
	}
	for i, name := range r.Needs {
		path := r.path + ".needs[" + itoa(i) + "]"
		switch {
		case !isResourceType(name):
			c.report(RoutesFile, path, "FHIR R4 has no resource type of this name")
		case len(r.Content) > 0 && !slices.Contains(r.Content, name):
			c.report(RoutesFile, path, "content does not list it, so the route never carries what it needs")
		}
	}
}

func isResourceType(name string) bool {
	return !slices.ContainsFunc(fhir.Validate(fhir.NewResource(name)), func(i fhir.Issue) bool {
		return strings.HasSuffix(i.Path, "resourceType")
	})
}

// purposesOfUse is the value set PurposeOfUse of v3-ActReason (HL7 V3, R4 2018-08-12).
const purposesOfUse = "TREAT CLINTRCH CAREMGT COC ETREAT BTG ERTREAT POPHLTH PATRQT FAMRQT PWATRNY SUPNWK PUBHLTH DISASTER THREAT " +
	"HMARKT HOPERAT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP HQUALIMP HSYSADMIN LABELING METAMGT " +
	"MEMADMIN MILCDM PATADMIN PATSFTY PERFMSR RECORDMGT SYSDEV HTEST TRAIN HPAYMT CLMATTCH COVAUTH COVERAGE ELIGDTRM ELIGVER " +
	"ENROLLM MILDCRG REMITADV HRESCH BIORCH CLINTRCHNPC CLINTRCHPC PRECLINTRCH DSRCH POARCH TRANSRCH"

func (c *checker) purpose(file, path, code string) {
	if !slices.Contains(strings.Fields(purposesOfUse), code) {
		c.report(file, path, "not a purpose of use of v3-ActReason, such as TREAT, COC or CAREMGT")
	}
}
