package config

// OperatorID is the built-in partner who stands for the person at the command line.
const OperatorID = "operator"
