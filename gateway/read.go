package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/ledger"
)

// projectBatch is how many messages one step of the projection reads.
const projectBatch = 100

// Read releases one resource to a partner who asks for it, decided at this instant. What
// the partner may not see and what does not exist give the same answer.
func (g *Gateway) Read(ctx context.Context, partner, resourceType, id string) (adapters.Permit, adapters.Ack) {
	var none adapters.Permit // permits nothing
	notFound := adapters.Ack{Code: adapters.CodeUnknownKey}
	p, known := g.partners[partner]
	if !known || p.Reads == "" {
		return none, adapters.Ack{Code: adapters.CodeForbidden}
	}
	if err := g.project(ctx); err != nil {
		return none, g.unavailable(err)
	}
	child, body, message, err := g.Ledger.Resource(ctx, resourceType, opaque(resourceType, id))
	if errors.Is(err, ledger.ErrNotFound) || child == "" {
		return none, notFound
	}
	if err != nil {
		return none, g.unavailable(err)
	}
	resource, err := fhir.Parse(body)
	if err != nil {
		return none, g.unavailable(err)
	}
	for {
		permit, v, err := g.answer(ctx, p, child, resource.Clone(), message)
		switch {
		case errors.Is(err, ledger.ErrStale): // a decision input changed while we decided
		case errors.Is(err, errDenied):
			if err := g.Ledger.Log(ctx, readEvent(v, partner, message, "8")); err != nil {
				return none, g.unavailable(err)
			}
			return none, notFound
		case err != nil:
			return none, g.unavailable(err)
		default:
			return permit, adapters.Ack{Code: adapters.CodeAccepted, MessageID: message}
		}
	}
}

// readExpiry is how long an answer to a read may hold the gate of a child; it is written by half of that.
const readExpiry = 2 * time.Second

// answer releases one resource to a reader, under the gate like a send.
func (g *Gateway) answer(ctx context.Context, reader Partner, child string, resource *fhir.Node, message string) (adapters.Permit, *verdict, error) {
	bundle := fhir.NewResource("Bundle").SetText("type", "collection")
	bundle.Add("entry", fhir.NewObject().Set("resource", resource))
	a := &asked{route: Route{Name: "read", To: reader.ID, Purpose: reader.Reads}, child: child, bundle: bundle}
	return g.release(ctx, a, func(ctx context.Context, v *verdict) (adapters.Release, error) {
		now := g.Now()
		writeBy := v.writeBy(now, readExpiry/2)
		err := g.Ledger.Admit(ctx, ledger.Reading{
			Child: child, Epoch: v.epochs[child], Holder: g.holder, GateUntil: now.Add(readExpiry),
			Events: []ledger.Event{readEvent(v, reader.ID, message, "0")},
		})
		return adapters.Release{Destination: reader.ID, WriteBy: writeBy}, err
	})
}

func readEvent(v *verdict, partner, message, outcome string) ledger.Event {
	return ledger.Event{Kind: "read", Partner: partner, Message: message, Outcome: outcome, Body: v.audited()}
}

// project brings the resources that can be read up to date with what was accepted: a read
// after a write sees it.
func (g *Gateway) project(ctx context.Context) error {
	for {
		done, _, err := g.Ledger.Project(ctx, projectBatch, project)
		if err != nil || done < projectBatch {
			return err
		}
	}
}

// project lists the resources of one accepted message.
func project(_ ledger.Message, body []byte) ([]ledger.Projected, error) {
	bundle, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	var list []ledger.Projected
	for _, r := range fhir.Entries(bundle) {
		if r.Ref() != "" {
			list = append(list, ledger.Projected{Type: r.ResourceType(), ID: opaque(r.ResourceType(), r.ID()), Body: r.JSON()})
		}
	}
	return list, nil
}

// opaque stands for the id of a resource in the ledger, which keeps ids in clear: an id is
// its sender's own text and may name a child.
func opaque(resourceType, id string) string {
	sum := sha256.Sum256([]byte("resource|" + resourceType + "/" + id))
	return hex.EncodeToString(sum[:16])
}

// Raw returns the received bytes of a message to an operator. Reading is audited like any release.
func (g *Gateway) Raw(ctx context.Context, id, operator, reason string) ([]byte, error) {
	body, _ := json.Marshal(map[string]string{"operator": operator, "reason": reason, "at": g.Now().UTC().Format(time.RFC3339)})
	if err := g.Ledger.Log(ctx, ledger.Event{Kind: "raw-read", Message: id, Partner: "operator", Outcome: "0", Body: body}); err != nil {
		return nil, err
	}
	return g.Ledger.Raw(ctx, id)
}
