package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadCredentials(t *testing.T) {
	tests := []struct {
		name, text, principal string
		want                  *Credentials
	}{
		{"one line", "extender s3cret\n", "", &Credentials{"extender", "s3cret"}},
		{"YAML", "principal: extender\nsecret: s3cret with blanks\n", "", &Credentials{"extender", "s3cret with blanks"}},
		{"JSON", `{"principal": "extender", "secret": "s3cret"}`, "", &Credentials{"extender", "s3cret"}},
		{"principal agrees", "extender s3cret", "extender", &Credentials{"extender", "s3cret"}},
		{"principal differs", "extender s3cret", "other", nil},
		{"empty", "", "", nil},
		{"one word", "s3cret", "", nil},
		{"three words", "extender s3cret s3cret", "", nil},
		{"unknown YAML field", "principal: extender\nsecret: s3cret\nrole: s3cret\n", "", nil},
		{"only a secret", "secret: s3cret\n", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "credentials")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Mesos{CredentialsFile: path, Framework: Framework{Principal: tt.principal}}.LoadCredentials()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
			var bad *Error
			if tt.want == nil && (!errors.As(err, &bad) || !strings.Contains(err.Error(), "mesos.credentialsFile")) {
				t.Errorf("error = %v, want an *Error that names mesos.credentialsFile", err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestLoadCredentialsWithoutFile(t *testing.T) {
	if got, err := (Mesos{}).LoadCredentials(); got != nil || err != nil {
		t.Errorf("no file configured: %v, %v, want neither", got, err)
	}
	if _, err := (Mesos{CredentialsFile: filepath.Join(t.TempDir(), "missing")}).LoadCredentials(); err == nil {
		t.Errorf("a missing file was accepted")
	}
}

func TestCredentialsPrintNoSecret(t *testing.T) {
	c := &Credentials{Principal: "extender", Secret: "s3cret"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, *c); strings.Contains(text, "s3cret") {
			t.Errorf("%s shows the secret: %s", verb, text)
		}
	}
}

// FuzzCredentials reads arbitrary files: what is accepted is complete, and no
// error quotes the file, which is secret.
func FuzzCredentials(f *testing.F) {
	f.Add([]byte("extender s3cret\n"))
	f.Add([]byte("principal: extender\nsecret: s3cret\n"))
	f.Add([]byte("principal: {a: s3cret}"))
	f.Add([]byte("principal: s3cret"))
	var constant string
	f.Fuzz(func(t *testing.T, data []byte) {
		credentials, err := parseCredentials(data)
		if err == nil {
			if credentials.Principal == "" || credentials.Secret == "" {
				t.Fatalf("half of the credentials were accepted: %q", data)
			}
			return
		}
		if constant == "" {
			constant = err.Error()
		}
		if err.Error() != constant {
			t.Fatalf("the error depends on the file: %v", err)
		}
	})
}
