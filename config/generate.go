package config

//go:generate go run ./reference ..
