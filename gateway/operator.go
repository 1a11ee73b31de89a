package gateway

import (
	"context"

	"caregate/adapters"
)

// ProtocolOperator is the protocol of what a person enters at the command line. It enters
// decisions and is routed to nobody.
const ProtocolOperator = "cli"

// AcceptFor is Accept with a person's word on whose message it is: what an operator enters
// names the child by our id or by an identifier, not by demographics.
func (g *Gateway) AcceptFor(ctx context.Context, in adapters.Inbound, child string) adapters.Ack {
	return g.accept(ctx, &inspection{in: in, code: adapters.CodeAccepted}, child)
}
