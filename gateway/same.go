package gateway

import "caregate/fhir"

// sameThings maps the order, the task and the patient of a status to those of the referral
// it answers: a partner who answers by another protocol speaks of the same things under
// other ids, and one referral is to stay one ServiceRequest and one Task.
func sameThings(status, asked *fhir.Node) map[string]string {
	same := map[string]string{}
	for _, kind := range []string{"Task", "ServiceRequest", "Patient"} {
		if from, to := single(status, kind), single(asked, kind); from != "" && to != "" && from != to {
			same[from] = to
		}
	}
	return same
}

// single returns the "Type/id" of the one resource of a type, "" where there are none or several.
func single(bundle *fhir.Node, kind string) string {
	var only string
	for _, r := range fhir.Entries(bundle) {
		if r.ResourceType() != kind {
			continue
		}
		if only != "" {
			return ""
		}
		only = r.Ref()
	}
	return only
}

// rename gives resources other ids, and points what refers to them there.
func rename(bundle *fhir.Node, same map[string]string) {
	if len(same) == 0 {
		return
	}
	for _, entry := range bundle.Get("entry").Items() {
		r := entry.Get("resource")
		if to, found := same[r.Ref()]; found {
			entry.Remove("fullUrl")
			if request := entry.Get("request"); request != nil {
				request.Set("url", fhir.NewString(to))
			}
			r.Set("id", fhir.NewString(to[len(r.ResourceType())+1:]))
		}
		repoint(r, same)
	}
}

func repoint(n *fhir.Node, same map[string]string) {
	if to, found := same[n.Get("reference").Text()]; found {
		n.Set("reference", fhir.NewString(to))
	}
	for _, value := range n.Members() {
		repoint(value, same)
	}
	for _, item := range n.Items() {
		repoint(item, same)
	}
}
