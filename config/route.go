package config

import "time"

// Routes is routes.yaml.
type Routes struct {
	// Routes say who is told what, and for which purpose.
	Routes []Route `yaml:"routes"`
}

// Route sends one kind of message to one endpoint of a partner, for one purpose.
type Route struct {
	// Name stands in explanations and must not change while deliveries wait.
	Name string `yaml:"name" required:"true"`
	// Kinds of message that it carries; medication is an order of medication or the request for its approval.
	Kinds []string `yaml:"kinds" enum:"referral,status,details,medication" required:"true"`
	// Services are codes of ServiceRequest.category or code; empty carries any.
	Services []string `yaml:"services"`
	// From names the partners whose messages it carries; empty carries anyone's.
	From []string `yaml:"from"`
	// To is the partner who is told.
	To string `yaml:"to" required:"true"`
	// Endpoint of that partner; may be left out where it has only one that can receive.
	Endpoint string `yaml:"endpoint" enum:"mllp,fhir,edfi"`
	// OwnReferrals limits statuses to referrals that the partner itself sent.
	OwnReferrals bool `yaml:"ownReferrals"`
	// Purpose of use, a code of v3-ActReason; it is registered here and never taken from a message.
	Purpose string `yaml:"purpose" required:"true"`
	// Content lists the resource types that it carries at most; empty carries all.
	Content []string `yaml:"content"`
	// Needs lists types that the partner cannot safely lack: where one is withheld the delivery waits for a person.
	Needs []string `yaml:"needs"`
	// Urgent puts its deliveries ahead of the child's others.
	Urgent bool `yaml:"urgent"`
	// Expires is how long a delivery is tried; delivery.expires where absent.
	Expires time.Duration `yaml:"expires"`

	path string
}
