package manifests_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// kustomization is the part of Kustomize's file that the manifests use.
type kustomization struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string      `json:"namespace"`
	Resources       []string    `json:"resources"`
	Generators      []generator `json:"configMapGenerator"`
	Labels          []struct {
		Pairs map[string]string `json:"pairs"`
	} `json:"labels"`
	Images []struct {
		Name   string `json:"name"`
		NewTag string `json:"newTag"`
	} `json:"images"`
}

// generator makes a ConfigMap; each file is "key=path".
type generator struct {
	Name  string   `json:"name"`
	Files []string `json:"files"`
}

// kinds makes an empty object for each kind that the manifests may use.
var kinds = map[string]func() metav1.Object{
	"v1/ServiceAccount":                               func() metav1.Object { return &corev1.ServiceAccount{} },
	"v1/Service":                                      func() metav1.Object { return &corev1.Service{} },
	"apps/v1/Deployment":                              func() metav1.Object { return &appsv1.Deployment{} },
	"networking.k8s.io/v1/NetworkPolicy":              func() metav1.Object { return &networkingv1.NetworkPolicy{} },
	"policy/v1/PodDisruptionBudget":                   func() metav1.Object { return &policyv1.PodDisruptionBudget{} },
	"rbac.authorization.k8s.io/v1/ClusterRole":        func() metav1.Object { return &rbacv1.ClusterRole{} },
	"rbac.authorization.k8s.io/v1/ClusterRoleBinding": func() metav1.Object { return &rbacv1.ClusterRoleBinding{} },
	"rbac.authorization.k8s.io/v1/Role":               func() metav1.Object { return &rbacv1.Role{} },
	"rbac.authorization.k8s.io/v1/RoleBinding":        func() metav1.Object { return &rbacv1.RoleBinding{} },
}

// set is everything that one kustomization deploys.
type set struct {
	kustomization
	objects []metav1.Object
}

// load reads the kustomization in dir. Unknown and repeated fields are errors.
func load(t *testing.T, dir string) set {
	t.Helper()
	var s set
	decode(t, read(t, dir, "kustomization.yaml"), &s.kustomization)
	for _, name := range s.Resources {
		for document := range bytes.SplitSeq(read(t, dir, name), []byte("\n---\n")) {
			var head metav1.TypeMeta
			if err := yaml.Unmarshal(document, &head); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			blank, known := kinds[head.APIVersion+"/"+head.Kind]
			if !known {
				t.Fatalf("%s: %s/%s is of no known kind", name, head.APIVersion, head.Kind)
			}
			s.objects = append(s.objects, blank())
			decode(t, document, s.objects[len(s.objects)-1])
		}
	}
	return s
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// decode is as strict as the kube-apiserver: yaml.UnmarshalStrict would take
// names in the wrong case.
func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	asJSON, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		t.Fatal(err)
	}
	if unknown, err := kjson.UnmarshalStrict(asJSON, into); err != nil || len(unknown) > 0 {
		t.Fatalf("%T: %v %v in\n%s", into, err, unknown, data)
	}
}

// of returns the objects of one type.
func of[T metav1.Object](s set) []T {
	var found []T
	for _, o := range s.objects {
		if typed, ok := o.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// named returns the one object of the type that has the name.
func named[T metav1.Object](t *testing.T, s set, name string) T {
	t.Helper()
	for _, o := range of[T](s) {
		if o.GetName() == name {
			return o
		}
	}
	var none T
	t.Fatalf("there is no %T %q", none, name)
	return none
}

func TestEveryFileIsListed(t *testing.T) {
	for _, dir := range []string{"base", "example"} {
		s := load(t, dir)
		listed := map[string]bool{"kustomization.yaml": true}
		for _, name := range s.Resources {
			listed[name] = true
		}
		for _, g := range s.Generators {
			for _, file := range g.Files {
				_, path, _ := strings.Cut(file, "=")
				listed[path] = true
			}
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !listed[file.Name()] {
				t.Errorf("%s/%s is deployed by nothing", dir, file.Name())
			}
		}
	}
}

func TestNamesAndNamespaces(t *testing.T) {
	s := load(t, "base")
	seen := map[string]bool{}
	for _, o := range s.objects {
		_, isRole := o.(*rbacv1.ClusterRole)
		_, isBinding := o.(*rbacv1.ClusterRoleBinding)
		if want := map[bool]string{true: "", false: s.Namespace}[isRole || isBinding]; o.GetNamespace() != want {
			t.Errorf("%T %s is in namespace %q, want %q", o, o.GetName(), o.GetNamespace(), want)
		}
		id := fmt.Sprintf("%T %s", o, o.GetName())
		if seen[id] {
			t.Errorf("there are two of %s", id)
		}
		seen[id] = true
	}
}
