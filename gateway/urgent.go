package gateway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"caregate/adapters"
	"caregate/fhir"
	"caregate/ledger"
)

// Alert tells the people on call that something urgent did not arrive. It holds nothing
// about a child; the work item does, behind a login.
type Alert struct {
	Work        string    `json:"work"` // id of the work item; an alert may come twice, under the same id
	Destination string    `json:"destination"`
	Since       time.Time `json:"since"`
}

// WorkUrgent is the kind of the work items of urgent deliveries that have not arrived.
const WorkUrgent = "urgent-undelivered"

// Within urgentLate an urgent delivery has arrived, or somebody is told. With urgentEvery and
// the time of one alert that stays below the 60 s that are promised.
const (
	urgentLate   = 30 * time.Second
	urgentEvery  = 2 * time.Second
	alertTimeout = 10 * time.Second
)

const urgentRemedy = "something urgent has not arrived: reach the destination by another way, then find out why (caregate explain)"

// ownPartner stands for the gateway itself, which answers the sender of an urgent referral.
const ownPartner = "caregate"

// stat are the priorities of a request that make its deliveries urgent (FHIR request-priority).
var stat = map[string]bool{"stat": true, "asap": true}

// urgent reports whether deliveries of a message by this route are.
func (r Route) urgent(bundle *fhir.Node) bool {
	for _, res := range fhir.Entries(bundle) {
		if t := res.ResourceType(); (t == "ServiceRequest" || t == "Task") && stat[res.Get("priority").Text()] {
			return true
		}
	}
	return r.Urgent
}

// undelivered is the work of an urgent delivery that ends without arriving, for the
// transaction in which it ends.
func (g *Gateway) undelivered(d ledger.Delivery, state string) []ledger.NewWork {
	if d.Urgency != 0 || state == ledger.DeliveryCompleted || state == ledger.DeliveryPending {
		return nil
	}
	return []ledger.NewWork{{Kind: WorkUrgent, Owner: g.owner(d.Destination), Partner: d.Destination, Remedy: urgentRemedy}}
}

// watch looks after urgent deliveries until the context ends.
func (g *Gateway) watch(ctx context.Context) {
	tick := time.NewTicker(urgentEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := g.lookAfterUrgent(ctx); err != nil && ctx.Err() == nil {
				g.Log.Error("urgent deliveries not looked after", slog.Any("error", err))
			}
		}
	}
}

// lookAfterUrgent puts what is late on the work list, and alerts and answers for what is on
// it. All that it knows is in the ledger, so that another process or a later start goes on.
// One item that fails, such as of a child who was expunged, keeps no other from its alert.
func (g *Gateway) lookAfterUrgent(ctx context.Context) error {
	var failed error
	for _, state := range []string{ledger.DeliveryPending, ledger.DeliveryIntended} {
		waiting, err := g.Ledger.FindDeliveries(ctx, ledger.DeliveryFilter{State: state})
		if err != nil {
			return err
		}
		for _, d := range waiting {
			if d.Urgency != 0 || g.Now().Sub(d.Created) < urgentLate {
				continue
			}
			failed = errors.Join(failed, g.late(ctx, d))
		}
	}
	items, err := g.Ledger.WorkItems(ctx, ledger.WorkOpen)
	if err != nil {
		return err
	}
	for _, w := range items {
		if w.Kind == WorkUrgent {
			failed = errors.Join(failed, g.raise(ctx, w))
		}
	}
	return failed
}

// late makes the work item of a delivery that still waits, once.
func (g *Gateway) late(ctx context.Context, d ledger.Delivery) error {
	items, err := g.Ledger.WorkOf(ctx, d.Message)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(items, func(w ledger.Work) bool { return w.Kind == WorkUrgent && w.Delivery == d.ID }) {
		return nil
	}
	_, err = g.Ledger.AddWork(ctx, ledger.NewWork{Kind: WorkUrgent, Owner: g.owner(d.Destination), Partner: d.Destination, Remedy: urgentRemedy}, d.Message, d.ID)
	return err
}

// raise alerts who is on call and answers the sender, each at least once: what is not
// recorded is done again.
func (g *Gateway) raise(ctx context.Context, w ledger.Work) error {
	events, err := g.Ledger.Events(ctx, w.Message)
	if err != nil {
		return err
	}
	happened := func(kind string) bool {
		return slices.ContainsFunc(events, func(e ledger.AuditRow) bool { return e.Kind == kind && e.Delivery == w.Delivery })
	}
	if !happened("alerted") && g.Alert != nil {
		ctx, cancel := context.WithTimeout(ctx, alertTimeout)
		err := g.Alert(ctx, Alert{Work: w.ID, Destination: w.Partner, Since: w.Created})
		cancel()
		if err != nil {
			g.Log.Error("nobody could be alerted, it is tried again", slog.String("work", w.ID), slog.Any("error", err))
		} else if err := g.urgentEvent(ctx, "alerted", w); err != nil {
			return err
		}
	}
	if happened("sender-answered") {
		return nil
	}
	if err := g.answerSender(ctx, w); err != nil {
		return err
	}
	return g.urgentEvent(ctx, "sender-answered", w)
}

func (g *Gateway) urgentEvent(ctx context.Context, kind string, w ledger.Work) error {
	return g.Ledger.Log(context.WithoutCancel(ctx), ledger.Event{Kind: kind, Partner: w.Partner, Message: w.Message, Delivery: w.Delivery, Outcome: "0"})
}

// answerSender takes in a Task that has failed, in the gateway's own name; it goes back to
// who asked by the route of statuses, decided like everything else. It says the same
// whatever the cause, so that a decision does not show.
func (g *Gateway) answerSender(ctx context.Context, w ledger.Work) error {
	msg, err := g.Ledger.Message(ctx, w.Message)
	if err != nil {
		return err
	}
	kind, bundle, err := g.stored(ctx, w.Message)
	if errors.Is(err, ledger.ErrExpunged) { // there is nobody left to speak of
		return nil
	}
	if err != nil || kind != KindReferral {
		return err
	}
	failed := failedTask(bundle)
	if failed == nil {
		return nil
	}
	raw := failed.JSON()
	m := &inspection{
		partner: Partner{ID: ownPartner, Owner: w.Owner}, kind: KindStatus, code: adapters.CodeAccepted, who: person{child: msg.Child},
		in:      adapters.Inbound{Partner: ownPartner, Protocol: ProtocolOwn, ContentType: "application/fhir+json", Raw: raw, Received: g.Now()},
		decoded: adapters.Decoded{Bundle: failed, ControlID: "urgent-" + w.Delivery, Event: "urgent-undelivered"},
	}
	m.partner.Duplicates.Window = 365 * 24 * time.Hour
	ack, accepted := g.place(ctx, m)
	if ack.Silent {
		return errNotStored
	}
	g.wake(ctx, accepted.Lanes)
	return nil
}

var errNotStored = errors.New("the answer to the sender was not stored")

// ProtocolOwn is the protocol of what the gateway says itself.
const ProtocolOwn = "own"

// failedTask is the order with its Task failed, in a Bundle; nil where nothing was asked.
func failedTask(asked *fhir.Node) *fhir.Node {
	bundle := fhir.NewResource("Bundle").SetText("type", "transaction")
	put := func(r *fhir.Node) {
		bundle.Add("entry", fhir.NewObject().Set("resource", r).Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", r.Ref())))
	}
	var order, task *fhir.Node
	for _, r := range fhir.Entries(asked) {
		switch r.ResourceType() {
		case "ServiceRequest":
			order = lean(r)
		case "Task":
			task = lean(r)
		}
	}
	if order == nil {
		return nil
	}
	if task == nil {
		task = fhir.NewResource("Task").SetText("id", "failed-"+order.ID()).SetText("intent", "order").
			Set("focus", fhir.NewObject().SetText("reference", order.Ref())).Set("for", order.Get("subject").Clone())
		for _, id := range order.Get("identifier").Items() {
			task.Add("identifier", id.Clone())
		}
	}
	for _, name := range []string{"description", "input", "output", "note", "contained"} {
		task.Remove(name)
	}
	task.SetText("status", "failed").Set("statusReason", fhir.NewObject().SetText("text", "Not delivered in time. The people on call were told; please reach the recipient by another way."))
	put(task)
	put(order)
	for _, r := range fhir.Entries(asked) {
		if r.ResourceType() == "Patient" {
			put(r.Clone())
		}
	}
	return bundle
}
