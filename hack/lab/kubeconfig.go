package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// serviceTokenSeconds is the life of a service account's token: one day.
const serviceTokenSeconds int64 = 24 * 60 * 60

// ServiceAccountKubeconfig asks the API server for a token of an existing
// service account (TokenRequest) and writes a kubeconfig that carries it. The
// account may do what RBAC grants it and nothing more.
func (c *ControlPlane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	client, err := kubernetes.NewForConfig(c.RESTConfig())
	if err != nil {
		return "", err
	}
	seconds := serviceTokenSeconds
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	granted, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("request a token for service account %s/%s: %w", namespace, name, err)
	}
	path := c.userKubeconfig("system:serviceaccount:" + namespace + ":" + name)
	return path, c.writeKubeconfig(path, name, granted.Status.Token)
}

// userKubeconfig is the path of a user's kubeconfig.
func (c *ControlPlane) userKubeconfig(user string) string {
	return filepath.Join(c.dir, strings.ReplaceAll(user, ":", "-")+".kubeconfig")
}

// writeKubeconfig writes a kubeconfig that holds everything it needs inline.
func (c *ControlPlane) writeKubeconfig(path, user, token string) error {
	content, err := yaml.Marshal(clientcmdv1.Config{
		Kind: "Config", APIVersion: "v1", CurrentContext: "lab",
		Clusters: []clientcmdv1.NamedCluster{{Name: "lab", Cluster: clientcmdv1.Cluster{
			Server: c.URL(), CertificateAuthorityData: c.creds.authority.CertificatePEM(),
		}}},
		AuthInfos: []clientcmdv1.NamedAuthInfo{{Name: user, AuthInfo: clientcmdv1.AuthInfo{Token: token}}},
		Contexts:  []clientcmdv1.NamedContext{{Name: "lab", Context: clientcmdv1.Context{Cluster: "lab", AuthInfo: user}}},
	})
	if err != nil {
		return fmt.Errorf("encode kubeconfig of %s: %w", user, err)
	}
	return os.WriteFile(path, content, 0o600)
}
