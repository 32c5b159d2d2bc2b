package lab

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Users known to the API server by a token. RBAC's built-in roles cover the
// scheduler; the administrator is in system:masters.
const (
	adminUser     = "lab-admin"
	schedulerUser = "system:kube-scheduler"
)

// credentials are the keys of one control plane and the files that hold them.
type credentials struct {
	authority *Authority
	tokens    map[string]string // user → bearer token

	caFile         string
	servingCert    string
	servingKey     string
	serviceKeyFile string // signs service-account tokens
	servicePubFile string // verifies them
	tokenFile      string
}

// newCredentials makes all keys anew and writes them below dir.
func newCredentials(dir string) (*credentials, error) {
	authority, err := NewAuthority("lab-ca")
	if err != nil {
		return nil, err
	}
	creds := &credentials{
		authority:      authority,
		tokens:         map[string]string{adminUser: rand.Text(), schedulerUser: rand.Text()},
		caFile:         filepath.Join(dir, "ca.crt"),
		servingCert:    filepath.Join(dir, "apiserver.crt"),
		servingKey:     filepath.Join(dir, "apiserver.key"),
		serviceKeyFile: filepath.Join(dir, "service-account.key"),
		servicePubFile: filepath.Join(dir, "service-account.pub"),
		tokenFile:      filepath.Join(dir, "tokens.csv"),
	}
	serving, err := authority.IssueServer("kube-apiserver", loopback, "localhost", "kubernetes.default.svc")
	if err != nil {
		return nil, err
	}
	private, public, err := newServiceAccountKey()
	if err != nil {
		return nil, err
	}
	return creds, writeSecrets(dir, map[string][]byte{
		creds.caFile:         authority.CertificatePEM(),
		creds.servingCert:    serving.Certificate,
		creds.servingKey:     serving.Key,
		creds.serviceKeyFile: private,
		creds.servicePubFile: public,
		creds.tokenFile:      creds.tokenCSV(),
	})
}

// tokenCSV is the static token file's format: token,user,uid,"groups".
func (c *credentials) tokenCSV() []byte {
	var csv strings.Builder
	groups := map[string]string{adminUser: "system:masters"}
	for user, token := range c.tokens {
		fmt.Fprintf(&csv, "%s,%s,%s,%q\n", token, user, hex.EncodeToString([]byte(user)), groups[user])
	}
	return []byte(csv.String())
}

func newServiceAccountKey() (private, public []byte, err error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	private, err = encodeKey(key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encode public key: %w", err)
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// writeSecrets writes files (path → content) that only this user can read.
func writeSecrets(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
