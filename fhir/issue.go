package fhir

// The codes of Issue.Code, of the R4 value set issue-type.
const (
	IssueStructure = "structure"    // cardinality, type, unknown or empty element
	IssueRequired  = "required"     // a required element is missing
	IssueValue     = "value"        // a value breaks the format of its datatype
	IssueCode      = "code-invalid" // a code is not in its required value set
	IssueReference = "invalid"      // a reference to a type that the element does not admit
)

// Issue is one problem of a document: where it is and what is wrong, without any value of the document.
type Issue struct {
	Path     string // FHIRPath-like: "Patient.name[0].family"
	Code     string // of the R4 value set issue-type
	Severity string // fatal, error, warning or information
	Text     string
}

// NewOperationOutcome returns the issues as an R4 OperationOutcome; with no issues it says so
// by one informational issue, because the resource requires one.
func NewOperationOutcome(issues []Issue) *Node {
	out := NewResource("OperationOutcome")
	if len(issues) == 0 {
		issues = []Issue{{Code: "informational", Severity: "information", Text: "no issues"}}
	}
	for _, issue := range issues {
		n := NewObject().
			SetText("severity", cmpOr(issue.Severity, "error")).
			SetText("code", cmpOr(issue.Code, "processing")).
			SetText("diagnostics", issue.Text)
		if issue.Path != "" {
			n.Set("expression", NewArray(NewString(issue.Path)))
		}
		out.Add("issue", n)
	}
	return out
}
