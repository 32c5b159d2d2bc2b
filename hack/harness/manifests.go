package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// Service accounts that the manifests make. Their Deployments have the same names.
const (
	accountNamespace = "kube-system"
	extenderAccount  = "kube-mesos-extender"
	schedulerAccount = "kube-mesos-scheduler"
)

// manifests are the parts of manifests/base that a system on loopback is made
// of. Services and the like have no one here to run them, and of Deployments
// only the environment is of use.
type manifests struct {
	extender     []byte // an ExtenderConfiguration
	schedulerCfg []byte // a KubeSchedulerConfiguration
	rbac         []runtime.Object
	environment  map[string][]string // Deployment → its containers' variables, "name=value"
}

// readManifests reads every YAML document in a directory.
func readManifests(dir string) (*manifests, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	m := &manifests{environment: map[string][]string{}}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := m.addFile(content); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if m.extender == nil || m.schedulerCfg == nil || len(m.rbac) == 0 {
		return nil, fmt.Errorf("%s lacks a configuration or RBAC rules: %w", dir, fs.ErrNotExist)
	}
	return m, nil
}

func (m *manifests) addFile(content []byte) error {
	reader := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(content)))
	defer reader.Close() //nolint:errcheck // nothing is open
	buffer := make([]byte, len(content)+1)
	for {
		n, err := reader.Read(buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.add(bytes.Clone(buffer[:n])); err != nil {
			return err
		}
	}
}

func (m *manifests) add(document []byte) error {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return err
	}
	switch meta.Kind {
	case "ExtenderConfiguration":
		m.extender = document
	case "KubeSchedulerConfiguration":
		m.schedulerCfg = document
	case "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding":
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
		if err != nil {
			return fmt.Errorf("decode %s: %w", meta.Kind, err)
		}
		m.rbac = append(m.rbac, object)
	case "Deployment":
		var deployment appsv1.Deployment
		if err := yaml.Unmarshal(document, &deployment); err != nil {
			return fmt.Errorf("decode %s: %w", meta.Kind, err)
		}
		return m.addEnvironment(&deployment)
	}
	return nil
}

func (m *manifests) addEnvironment(deployment *appsv1.Deployment) error {
	for _, container := range deployment.Spec.Template.Spec.Containers {
		for _, variable := range container.Env {
			if variable.ValueFrom != nil {
				return fmt.Errorf("environment variable %s is not a plain value", variable.Name)
			}
			m.environment[deployment.Name] = append(m.environment[deployment.Name], variable.Name+"="+variable.Value)
		}
	}
	return nil
}

// apply creates the service accounts, rules and bindings.
func (m *manifests) apply(ctx context.Context, client kubernetes.Interface) error {
	for _, object := range m.rbac {
		if err := create(ctx, client, object); err != nil {
			return fmt.Errorf("create %T: %w", object, err)
		}
	}
	return nil
}

func create(ctx context.Context, client kubernetes.Interface, object runtime.Object) (err error) {
	options, rbac := metav1.CreateOptions{}, client.RbacV1()
	switch o := object.(type) {
	case *corev1.ServiceAccount:
		_, err = client.CoreV1().ServiceAccounts(o.Namespace).Create(ctx, o, options)
	case *rbacv1.Role:
		_, err = rbac.Roles(o.Namespace).Create(ctx, o, options)
	case *rbacv1.RoleBinding:
		_, err = rbac.RoleBindings(o.Namespace).Create(ctx, o, options)
	case *rbacv1.ClusterRole:
		_, err = rbac.ClusterRoles().Create(ctx, o, options)
	case *rbacv1.ClusterRoleBinding:
		_, err = rbac.ClusterRoleBindings().Create(ctx, o, options)
	}
	return err
}

// scheduler is the shipped configuration with the extender's address replaced,
// nodeCacheCapable switched off if wholeNodes is set, and changed at the end.
func (m *manifests) scheduler(extenderURL string, wholeNodes bool, change func(map[string]any)) ([]byte, error) {
	var config map[string]any
	if err := yaml.Unmarshal(m.schedulerCfg, &config); err != nil {
		return nil, err
	}
	extenders, ok := config["extenders"].([]any)
	if !ok || len(extenders) != 1 {
		return nil, errors.New("the shipped KubeSchedulerConfiguration has not exactly one extender")
	}
	extender, ok := extenders[0].(map[string]any)
	if !ok {
		return nil, errors.New("the shipped KubeSchedulerConfiguration's extender is no map")
	}
	extender["urlPrefix"] = extenderURL
	if wholeNodes {
		extender["nodeCacheCapable"] = false
	}
	change(config)
	return yaml.Marshal(config)
}

// ExtenderEnvironment is the environment that the shipped Deployment gives the
// daemon, each "name=value".
func ExtenderEnvironment() ([]string, error) {
	m, err := shippedManifests()
	if err != nil {
		return nil, err
	}
	return m.environment[extenderAccount], nil
}

func shippedManifests() (*manifests, error) {
	root, err := lab.Checkout()
	if err != nil {
		return nil, err
	}
	return readManifests(filepath.Join(root, "manifests", "base"))
}
