package hl7v2

import (
	"testing"
	"time"
)

func TestAckFor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		accept, application string
		outcome, want       AckCode
		due                 bool
	}{
		{"", "", AA, AA, true},
		{"", "", AE, AE, true},
		{"", "", AR, AR, true},
		{"AL", "NE", AA, CA, true},
		{"AL", "NE", AE, CE, true},
		{"AL", "AL", AR, CR, true},
		{"ER", "AL", AA, CA, false},
		{"ER", "NE", AE, CE, true},
		{"SU", "NE", AA, CA, true},
		{"SU", "NE", AR, CR, false},
		{"NE", "NE", AA, AA, false},
		{"NE", "NE", AE, AE, false},
		{"NE", "AL", AA, AA, true},
		{"NE", "AL", AE, AE, true},
		{"", "ER", AA, AA, false},
		{"NE", "ER", AR, AR, true},
		{"NE", "SU", AA, AA, true},
		{"AL", "", AA, CA, true},
		{"NE", "", AA, AA, false},
		{"??", "NE", AA, CA, true},
	}
	for _, tt := range tests {
		h := Header{MessageType: "REF", ControlID: "1", AcceptAck: tt.accept, ApplicationAck: tt.application}
		got, due := AckFor(h, tt.outcome)
		if due != tt.due || got != tt.want {
			t.Errorf("%q/%q %s: %s %v, want %s %v", tt.accept, tt.application, tt.outcome, got, due, tt.want, tt.due)
		}
	}
	if _, due := AckFor(Header{MessageType: "ACK", ControlID: "1", AcceptAck: "AL"}, AA); due {
		t.Error("an ACK shall not be acknowledged")
	}
	if code, due := AckFor(Header{MessageType: "ADT"}, AA); code != AR || !due {
		t.Error("an empty MSH-10 shall be rejected")
	}
	if code, _ := AckFor(Header{MessageType: "ADT", AcceptAck: "AL"}, AA); code != CR {
		t.Error("an empty MSH-10 shall be rejected in the enhanced mode, too")
	}
}

func TestNewAck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 27, 14, 6, 1, 0, time.UTC)
	errs := []AckError{{Location: ErrLocation{Segment: "PID", Field: 3, Repetition: 2, Component: 1}, Code: CodeUnknownKey, Text: "the identifier is not known"}}
	tests := []struct {
		name, in string
		code     AckCode
		errs     []AckError
		want     string
	}{
		{
			"accept", "MSH|^~\\&|CMO^1.2^ISO|F|GW^1.3^ISO|SOC|20261027||REF^I12^REF_I12|C-1|T|2.5.1|||AL|NE|USA|UNICODE UTF-8\r", CA, nil,
			"MSH|^~\\&|GW^1.3^ISO|SOC|CMO^1.2^ISO|F|20261027140601+0000||ACK^I12^ACK|OWN1|T|2.5.1|||||USA|UNICODE UTF-8\rMSA|CA|C-1\r",
		},
		{
			"error with location", "MSH|^~\\&|A|B|C|D|||ADT^A08|C-1|P|2.5\r", AE, errs,
			"MSH|^~\\&|C|D|A|B|20261027140601+0000||ACK^A08^ACK|OWN1|P|2.5\rMSA|AE|C-1\rERR||PID^1^3^2^1|204^Unknown key identifier^HL70357|E||||the identifier is not known\r",
		},
		{
			"old version", "MSH|^~\\&|A|B|C|D|||ADT^A08|C-1|P|2.3\r", AE, errs,
			"MSH|^~\\&|C|D|A|B|20261027140601+0000||ACK^A08^ACK|OWN1|P|2.3\rMSA|AE|C-1|the identifier is not known\r" +
				"ERR|PID^1^3^204&Unknown key identifier&HL70357|PID^1^3^2^1|204^Unknown key identifier^HL70357|E||||the identifier is not known\r",
		},
		{
			"other delimiters", "MSH$*!/@$A*1.2*ISO$B$C$D$$$ADT*A08$C/F/1$P$2.5\r", AR, nil,
			"MSH$*!/@$C$D$A*1.2*ISO$B$20261027140601+0000$$ACK*A08*ACK$OWN1$P$2.5\rMSA$AR$C/F/1\r",
		},
		{
			"bad encoding characters", "MSH|^~\\&amp;|A|B|C|D|||ADT^A08|C-1|P|2.5\r", AR, nil,
			"MSH|^~\\&|C|D|A|B|20261027140601+0000||ACK^A08^ACK|OWN1|P|2.5\rMSA|AR|C-1\r",
		},
		{
			"no header", "EVN|A08\r", AR,
			[]AckError{{Location: ErrLocation{Segment: "MSH"}, Code: CodeSequence}},
			"MSH|^~\\&|||||20261027140601+0000||ACK|OWN1|P|2.5.1\rMSA|AR\rERR||MSH^1|100^Segment sequence error^HL70357|E\r",
		},
	}
	for _, tt := range tests {
		h, _ := ReadHeader([]byte(tt.in))
		if got := string(NewAck(h, tt.code, "OWN1", now, tt.errs)); got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestReadHeaderOfAnAnswer(t *testing.T) {
	t.Parallel()
	h, err := ReadHeader([]byte("MSH|^~\\&|A|B|C|D|||RRI^I12|9|P|2.5.1|||AL|NE\rMSA|AE|C-1\rERR|"))
	if blank, _ := ReadHeader([]byte("MSH|^~\\&|A|B|C|D|||ADT^A01|9|P|2.3||| \nEVN|A01")); blank.Mode() != ModeOriginal {
		t.Error("blanks in MSH-15 ask for nothing")
	}
	if err != nil || h.AcknowledgmentCode != "AE" || h.AcknowledgedControlID != "C-1" || h.Mode() != ModeEnhanced {
		t.Errorf("%+v, %v", h, err)
	}
}
