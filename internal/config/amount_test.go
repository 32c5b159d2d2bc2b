package config

import (
	"encoding/json"
	"testing"
)

func TestAmount(t *testing.T) {
	tests := []struct {
		text string
		want Amount
		ok   bool
	}{
		{"1", 1000, true},
		{"0.01", 10, true},
		{"0.001", 1, true},
		{"1.25", 1250, true},
		{`"32"`, 32000, true},
		{"-0.5", -500, true},
		{"123456789012", 123456789012000, true},
		{"1234567890123", 0, false},
		{"0.0001", 0, false},
		{"1e3", 0, false},
		{`"1."`, 0, false},
		{`".5"`, 0, false},
		{`"10m"`, 0, false},
		{`"--1"`, 0, false},
		{`"-"`, 0, false},
		{`""`, 0, false},
		{"true", 0, false},
		{"{}", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			var got Amount
			err := json.Unmarshal([]byte(tt.text), &got)
			if (err == nil) != tt.ok || got != tt.want {
				t.Fatalf("read %s as %d, %v; want %d, ok %v", tt.text, got, err, tt.want, tt.ok)
			}
			if !tt.ok {
				return
			}
			out, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			var again Amount
			if err := json.Unmarshal(out, &again); err != nil || again != got {
				t.Errorf("wrote %s, read again as %d, %v", out, again, err)
			}
		})
	}
}
