package workbench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"caregate/policy"
)

// lawOfScenarios are the bundles that scenarios may name by their jurisdiction.
var lawOfScenarios = []string{"us", "us-il", "us-nj"}

// maxScenario bounds one line of a scenario file.
const maxScenario = 4 << 20

// Decide answers consent scenarios, one JSON object a line, each as a delivery of its
// resources would be decided: no labelling, nothing stored, nothing sent. A line that
// cannot be read is an error that names the line.
func Decide(ctx context.Context, lines []byte) ([]policy.ScenarioAnswer, error) {
	engine, err := policy.Load(ctx, policy.Bundles(), lawOfScenarios, policy.Limits{})
	if err != nil {
		return nil, err
	}
	var answers []policy.ScenarioAnswer
	scan := bufio.NewScanner(bytes.NewReader(lines))
	scan.Buffer(nil, maxScenario)
	for n := 1; scan.Scan(); n++ {
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		var s policy.Scenario
		if err := json.Unmarshal(scan.Bytes(), &s); err != nil {
			return nil, fmt.Errorf("line %d: not a scenario", n)
		}
		request, err := s.Facts()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		answers = append(answers, engine.Decide(ctx, request).Answer(s.ID))
	}
	return answers, scan.Err()
}
