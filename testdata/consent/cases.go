// Package golden embeds the consent cases, so that law is tried on them before it decides.
package golden

import "embed"

// Files are the cases, one YAML file each: facts, forms on file, request, records and what must come of it.
//
//go:embed *.yaml
var Files embed.FS
