package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// CheckFiles reads the files that the configuration names and returns an *Error
// with a problem per field whose file cannot be used; source names the
// configuration in it. Nothing is kept: a file may change until it is used.
func (c *Config) CheckFiles(source string) error {
	var problems []error
	var bad *Error
	if _, err := c.Mesos.LoadCredentials(); errors.As(err, &bad) {
		problems = append(problems, bad.Problems...)
	}
	found := checkAuthority(field.NewPath("mesos", "tls", "caFile"), c.Mesos.TLS.CAFile)
	found = append(found, c.Server.TLS.checkFiles(field.NewPath("server", "tls"))...)
	for _, problem := range found {
		problems = append(problems, problem)
	}
	if len(problems) > 0 {
		return &Error{Source: source, Problems: problems}
	}
	return nil
}

func (t ServerTLS) checkFiles(path *field.Path) field.ErrorList {
	if t.CertFile == "" {
		return nil
	}
	cert, errs := readFile(path.Child("certFile"), t.CertFile)
	key, keyErrs := readFile(path.Child("keyFile"), t.KeyFile)
	errs = append(errs, keyErrs...)
	if len(errs) == 0 {
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			errs = append(errs, field.Invalid(path.Child("certFile"), t.CertFile,
				"cannot be used with server.tls.keyFile, "+t.KeyFile+": "+err.Error()))
		}
	}
	return append(errs, checkAuthority(path.Child("clientCAFile"), t.ClientCAFile)...)
}

// checkAuthority demands a certificate in the file, if one is named.
func checkAuthority(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return nil
	}
	pem, errs := readFile(path, name)
	if len(errs) == 0 && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		errs = append(errs, field.Invalid(path, name, "holds no PEM certificate"))
	}
	return errs
}

func readFile(path *field.Path, name string) ([]byte, field.ErrorList) {
	data, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, field.ErrorList{field.Invalid(path, name, err.Error())}
	}
	return data, nil
}
