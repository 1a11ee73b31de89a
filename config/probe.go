package config

import (
	"context"
	"fmt"
	"io"

	"caregate/adapters"
)

// Probed is what asking one endpoint of a partner gave.
type Probed struct {
	Endpoint string `json:"endpoint"`
	OK       bool   `json:"ok"`
	Remedy   string `json:"remedy,omitempty"` // what to do, where it is not OK
}

// Probe tries every endpoint of a partner that can receive: name, connection, TLS,
// credential and a ping that carries no child's data.
func Probe(ctx context.Context, c Config, partner string) ([]Probed, error) {
	p, known := c.partner(partner)
	if !known {
		return nil, fmt.Errorf("no partner is named %s%s", partner, (&checker{Config: c}).knownPartners())
	}
	results := []Probed{}
	for _, endpoint := range p.Endpoints.receiving() {
		result := Probed{Endpoint: endpoint, OK: true}
		if err := c.probe(ctx, p, endpoint); err != nil {
			result.OK, result.Remedy = false, err.Error()
		}
		results = append(results, result)
	}
	return results, nil
}

func (c Config) probe(ctx context.Context, p Partner, endpoint string) error {
	sender, err := c.sender(p, endpoint)
	if err != nil {
		return err
	}
	if closer, ok := sender.(io.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	prober, ok := sender.(adapters.Prober)
	if !ok {
		return nil
	}
	return prober.Probe(ctx)
}
