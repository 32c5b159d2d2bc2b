package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// Credentials authenticate the framework to the master (HTTP Basic).
type Credentials struct {
	Principal string `json:"principal"`
	Secret    string `json:"secret"`
}

// String keeps the secret out of logs.
func (c Credentials) String() string { return "credentials of " + c.Principal }

// GoString keeps the secret out of logs.
func (c Credentials) GoString() string { return c.String() }

// LoadCredentials reads the credentials file, and returns nil if there is none.
// A wrong file is an *Error that names the field and never quotes the file.
func (m Mesos) LoadCredentials() (*Credentials, error) {
	if m.CredentialsFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(m.CredentialsFile)
	if err != nil {
		return nil, m.credentialsError(err.Error())
	}
	credentials, err := parseCredentials(data)
	if err != nil {
		return nil, m.credentialsError(err.Error())
	}
	// Mesos refuses a framework whose principal is not the authenticated one.
	if p := m.Framework.Principal; p != "" && p != credentials.Principal {
		return nil, m.credentialsError(fmt.Sprintf("its principal must be mesos.framework.principal, %q", p))
	}
	return credentials, nil
}

func (m Mesos) credentialsError(detail string) error {
	path := field.NewPath("mesos", "credentialsFile")
	return &Error{Problems: []error{field.Invalid(path, m.CredentialsFile, detail)}}
}

// parseCredentials reads the two forms: Mesos' own "principal secret" on one
// line, or YAML. Errors of the YAML parser are dropped: they quote the input.
func parseCredentials(data []byte) (*Credentials, error) {
	if words := strings.Fields(string(data)); len(words) == 2 && !strings.HasSuffix(words[0], ":") {
		return &Credentials{Principal: words[0], Secret: words[1]}, nil
	}
	var credentials Credentials
	if yaml.UnmarshalStrict(data, &credentials) != nil || credentials.Principal == "" || credentials.Secret == "" {
		return nil, errors.New(`must hold "principal secret" or YAML with principal and secret`)
	}
	return &credentials, nil
}
