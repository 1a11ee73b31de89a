package httpout

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"caregate/adapters"
)

// TestGuard lists addresses that no partner lives at, in every notation that resolves to
// one, and the allowed twins.
func TestGuard(t *testing.T) {
	t.Parallel()
	const (
		never    = 0b00
		private  = 0b10 // with AllowPrivate
		always   = 0b11
		loopback = 0b10
	)
	for address, want := range map[string]int{
		"127.0.0.1": loopback, "127.8.9.1": loopback, "::1": loopback, "::ffff:127.0.0.1": loopback,
		"10.0.0.1": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.1": private, "fd00::1": private, "::ffff:10.1.2.3": private,
		"169.254.169.254": never, "fe80::1": never, "::ffff:169.254.169.254": never, "0.0.0.0": never, "::": never, "100.64.0.1": never, "0.1.2.3": never,
		"224.0.0.1": never, "ff02::1": never, "255.255.255.255": never, "240.0.0.1": never, "192.0.2.1": never, "198.18.0.1": never, "203.0.113.5": never,
		"64:ff9b::a00:1": never, "2002:7f00:1::": never, "2001:db8::1": never, "fec0::1": never,
		"8.8.8.8": always, "2606:4700::1": always, "172.32.0.1": always, "192.169.0.1": always, "100.128.0.1": always,
	} {
		a := netip.MustParseAddr(address)
		for bit, allowPrivate := range []bool{false, true} {
			if got := (guard{private: allowPrivate}).allows(a); got != (want>>bit&1 == 1) {
				t.Errorf("%s with allowPrivate %v: %v", address, allowPrivate, got)
			}
			if got := (guard{private: allowPrivate, loopbackOnly: true}).allows(a); got != (allowPrivate && a.Unmap().IsLoopback()) {
				t.Errorf("%s in plain text with allowPrivate %v: %v", address, allowPrivate, got)
			}
		}
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"https://partner.example.org/fhir": true, "https://partner.example.org:8443": true, "http://127.0.0.1:1/x": true,
		"http:///x": false, "ftp://x.example.org": false, "//x.example.org": false, "": false, "https://user:pw@x.example.org": false,
		"https://x.example.org?a=b": false, "https://x.example.org#a": false, "https://x\r\n.example.org": false, "file:///etc/passwd": false,
	} {
		_, err := New(Config{URL: text, AllowPrivate: true})
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Error("the error repeats a password")
		}
	}
	if _, err := New(Config{URL: "http://127.0.0.1:1"}); err == nil {
		t.Error("plain http without allowPrivate is taken")
	}
}

// TestForbiddenAddresses connects for real: names and numbers that lead to a forbidden
// address are refused before a connection is made.
func TestForbiddenAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0", "[::]", "10.0.0.1"} {
		c, err := New(Config{URL: "https://" + host + ":1/"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Do(t.Context(), Request{Method: "GET", Path: "/metadata"})
		var failure *adapters.Failure
		if !errors.As(err, &failure) || failure.Code != adapters.CodeConfiguration {
			t.Errorf("%s: %v", host, err)
		}
	}
}
