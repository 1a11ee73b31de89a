// Package config turns a directory of YAML, kept in git, into built parts: caregate.yaml,
// routes.yaml and one file for each partner in partners/. Load finds every problem at once,
// with file and line; Build is the only place that names concrete adapters.
package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// The files of a configuration directory.
const (
	SiteFile    = "caregate.yaml"
	RoutesFile  = "routes.yaml"
	PartnersDir = "partners"
)

// Config is a configuration directory as it was read.
type Config struct {
	// Dir is the directory, against which paths inside it are resolved.
	Dir string
	// Site is caregate.yaml.
	Site Site
	// Partners are the files of partners/, in the order of their names.
	Partners []Partner
	// Routes are those of routes.yaml, in its order.
	Routes []Route

	env Lookup
	at  map[string]map[string]token.Position // file, then path inside it
}

// Load reads a directory and checks it. env finds environment variables; nil means those
// of the process. The Config can be built only where there is no problem.
func Load(dir string, env Lookup) (Config, Problems) {
	if env == nil {
		env = os.LookupEnv
	}
	c := Config{Dir: dir, env: env, at: map[string]map[string]token.Position{}}
	problems := c.read(SiteFile, &c.Site)
	problems = append(problems, c.readPartners()...)
	problems = append(problems, c.readCodes()...)
	var routes Routes
	problems = append(problems, c.read(RoutesFile, &routes)...)
	c.Routes = routes.Routes
	for i := range c.Routes {
		c.Routes[i].path = "routes[" + itoa(i) + "]"
	}
	return c, append(problems, Check(c)...).sorted()
}

// LoadSite reads caregate.yaml alone, for commands that look into the ledger and need of the
// configuration only the key. A directory that is not there is an empty configuration.
func LoadSite(dir string, env Lookup) Config {
	if env == nil {
		env = os.LookupEnv
	}
	c := Config{Dir: dir, env: env, at: map[string]map[string]token.Position{}}
	_ = c.read(SiteFile, &c.Site) // check names its problems; a key that cannot be read is one at opening
	return c
}

// read decodes one file of the directory.
func (c *Config) read(file string, out any) Problems {
	text, err := os.ReadFile(filepath.Join(c.Dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return Problems{{File: file, Text: "the file is missing: caregate init DIR writes a working example"}}
	}
	if err != nil {
		return Problems{{File: file, Text: "the file cannot be read"}}
	}
	d := newDecoder(c.Dir, file, c.env)
	d.decode(text, out)
	c.at[file] = d.at
	return d.problems
}

func (c *Config) readPartners() Problems {
	names, err := filepath.Glob(filepath.Join(c.Dir, PartnersDir, "*.yaml"))
	if err != nil || len(names) == 0 {
		return Problems{{File: PartnersDir, Text: "no partner is configured: caregate partner add NAME --kind KIND writes a file"}}
	}
	var problems Problems
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".yaml")
		p := Partner{file: PartnersDir + "/" + base + ".yaml"}
		found := c.read(p.file, &p)
		problems = append(problems, found...)
		p.broken = len(found) > 0 && p.Organization.Reference == "" && p.Endpoints == Endpoints{}
		if p.ID == "" {
			p.ID = base
		}
		if p.Name == "" {
			p.Name = p.ID
		}
		c.Partners = append(c.Partners, p)
	}
	return problems
}

// partner returns the partner of an id.
func (c Config) partner(id string) (Partner, bool) {
	for _, p := range c.Partners {
		if p.ID == id {
			return p, true
		}
	}
	return Partner{}, false
}

// problem makes a problem at a path of a file, or at the nearest enclosing place that is known.
func (c Config) problem(file, path, text string) Problem {
	for {
		if at, known := c.at[file][path]; known {
			return Problem{File: file, Line: at.Line, Column: at.Column, Text: text}
		}
		if path == "" {
			return Problem{File: file, Text: text}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}
