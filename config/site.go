package config

import "time"

// Site is caregate.yaml: what holds for the gateway as a whole.
type Site struct {
	// Name of this gateway in logs and answers.
	Name string `yaml:"name" required:"true"`
	// Jurisdiction of the children, whose law decides.
	Jurisdiction string `yaml:"jurisdiction" required:"true"`
	// Zone is the IANA time zone of the children: dates of consents are days there.
	Zone string `yaml:"zone" required:"true"`
	// Implicit is what holds where no usable consent is on file: deny, or basic-normal,
	// which lets clinicians read normal records for treatment (IHE PCF).
	Implicit string `yaml:"implicit" enum:"deny,basic-normal" default:"deny"`
	// WitnessForms has mental-health forms in Illinois name who witnessed the signature
	// (740 ILCS 110/5(a)): one that does not permits nothing.
	WitnessForms bool `yaml:"witnessForms"`
	// Law names the bundles that decide, all of which have to agree.
	Law []string `yaml:"law" required:"true"`
	// LawFrom says where bundles come from beside those that are built in; docs/law.md tells how to change law.
	LawFrom *LawFrom `yaml:"lawFrom"`
	// Assigners are the identifier systems whose values identify a child exactly.
	Assigners []string `yaml:"assigners"`
	// Listen says where the gateway itself listens; partners' MLLP listeners stand with them.
	Listen Listen `yaml:"listen"`
	// Key says where the key comes from that everything stored is encrypted under.
	Key Key `yaml:"key"`
	// Delivery says how hard deliveries are tried.
	Delivery Delivery `yaml:"delivery"`
	// Limits bound what one partner can make the gateway hold.
	Limits Limits `yaml:"limits"`
}

// LawFrom says where law comes from beside what is built in.
type LawFrom struct {
	// Path is a directory with a folder for each bundle, or a .tar.gz of such folders; golden
	// cases stand in its folder cases. A bundle replaces the built-in one of its name.
	Path string `yaml:"path" required:"true"`
	// Key is a PEM file with the public key whose signature every folder must bear; without
	// one nobody vouches for the law.
	Key string `yaml:"key"`
	// Poll is how often the path is looked at for a change.
	Poll time.Duration `yaml:"poll" default:"10s" min:"100ms"`
}

// Listen is the HTTP listener for FHIR and health.
type Listen struct {
	// HTTP is host:port; port 0 takes a free one.
	HTTP string `yaml:"http" default:"127.0.0.1:8080"`
	// TLS is the certificate of the listener; without one it is plain text.
	TLS *ServerTLS `yaml:"tls"`
}

// ServerTLS is what a listener shows and asks for.
type ServerTLS struct {
	// Certificate is a PEM file, leaf first.
	Certificate string `yaml:"certificate" required:"true"`
	// Key is the PEM file of the certificate's private key.
	Key string `yaml:"key" required:"true"`
	// ClientCA is a PEM file of authorities: partners then have to show a certificate of one of them.
	ClientCA string `yaml:"clientCA"`
}

// ClientTLS is how a connection to a partner is secured.
type ClientTLS struct {
	// CA is a PEM file of the authorities that may vouch for the partner; empty means those of the system.
	CA string `yaml:"ca"`
	// Certificate is our own PEM file, where the partner asks for one.
	Certificate string `yaml:"certificate"`
	// Key is the PEM file of our certificate's private key.
	Key string `yaml:"key"`
	// ServerName is the name in the partner's certificate, where it is not the host's.
	ServerName string `yaml:"serverName"`
}

// Key says where the key-encryption key comes from: 32 bytes, as 64 hex digits or base64.
type Key struct {
	// File is a path, best outside the data directory and its backups.
	File string `yaml:"file"`
	// Env names an environment variable.
	Env string `yaml:"env"`
}

// Delivery says how hard deliveries are tried.
type Delivery struct {
	// Workers is how many deliveries are at work at once.
	Workers int `yaml:"workers" default:"8" min:"1"`
	// PerDestination is how many of them one destination gets at most.
	PerDestination int `yaml:"perDestination" default:"2" min:"1"`
	// SendTimeout is the longest a partner may take to answer.
	SendTimeout time.Duration `yaml:"sendTimeout" default:"30s" min:"1s"`
	// FirstRetry is the wait after the first failure; each further one doubles it.
	FirstRetry time.Duration `yaml:"firstRetry" default:"1s" min:"10ms"`
	// LongestRetry is where the doubling ends.
	LongestRetry time.Duration `yaml:"longestRetry" default:"5m" min:"10ms"`
	// Alert is a URL that is posted to, without personal data, when something urgent has not arrived within 60 s.
	Alert string `yaml:"alert"`
	// Expires is how long a delivery is tried before a person has to look.
	Expires time.Duration `yaml:"expires" default:"72h" min:"1s"`
}

// Limits bound what one partner can make the gateway hold.
type Limits struct {
	// MessageBytes is the largest message that is taken.
	MessageBytes int `yaml:"messageBytes" default:"8388608" min:"1024"`
	// Connections is how many connections one MLLP listener serves at once.
	Connections int `yaml:"connections" default:"64" min:"1"`
	// InFlight is how many HTTP requests are worked on at once.
	InFlight int `yaml:"inFlight" default:"64" min:"1"`
}
