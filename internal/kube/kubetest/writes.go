package kubetest

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubetesting "k8s.io/client-go/testing"
)

// create gives a new object its resource version.
func (c *Cluster) create(action kubetesting.Action) (bool, runtime.Object, error) {
	create, ok := action.(kubetesting.CreateAction)
	if !ok || action.GetSubresource() != "" {
		return false, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	object := create.GetObject().DeepCopyObject()
	c.stampVersion(object)
	err := c.client.Tracker().Create(action.GetResource(), object, action.GetNamespace())
	return true, object, err
}

// update refuses an object whose resource version is over.
func (c *Cluster) update(action kubetesting.Action) (bool, runtime.Object, error) {
	update, ok := action.(kubetesting.UpdateAction)
	if !ok || action.GetVerb() != "update" {
		return false, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	object := update.GetObject().DeepCopyObject()
	fresh, err := meta.Accessor(object)
	if err != nil {
		return true, nil, err
	}
	stored, err := c.client.Tracker().Get(action.GetResource(), action.GetNamespace(), fresh.GetName())
	if err != nil {
		return true, nil, err
	}
	current, err := meta.Accessor(stored)
	if err != nil {
		return true, nil, err
	}
	if version := fresh.GetResourceVersion(); version != "" && version != current.GetResourceVersion() {
		return true, nil, apierrors.NewConflict(action.GetResource().GroupResource(), fresh.GetName(),
			fmt.Errorf("the object has been modified"))
	}
	c.stampVersion(object)
	return true, object, c.client.Tracker().Update(action.GetResource(), object, action.GetNamespace())
}

// patchPod applies a merge patch. A patch of another UID is invalid.
func (c *Cluster) patchPod(action kubetesting.Action) (bool, runtime.Object, error) {
	patch, ok := action.(kubetesting.PatchAction)
	if !ok || action.GetResource() != podsResource {
		return false, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	pod, err := c.pod(action.GetNamespace(), patch.GetName())
	if err != nil {
		return true, nil, err
	}
	patched, err := merge(pod, patch.GetPatch())
	if err != nil {
		return true, nil, apierrors.NewBadRequest(err.Error())
	}
	if patched.UID != pod.UID {
		return true, nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Pod").GroupKind(), pod.Name,
			field.ErrorList{field.Invalid(field.NewPath("metadata", "uid"), patched.UID, "field is immutable")})
	}
	c.stampVersion(patched)
	return true, patched, c.client.Tracker().Update(podsResource, patched, pod.Namespace)
}

func merge[T corev1.Pod | corev1.Node](object *T, patch []byte) (*T, error) {
	before, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	patched := new(T)
	after, err := strategicpatch.StrategicMergePatch(before, patch, *patched)
	if err != nil {
		return nil, err
	}
	return patched, json.Unmarshal(after, patched)
}

// bind follows BindingREST in k8s.io/kubernetes pkg/registry/core/pod/storage.
func (c *Cluster) bind(action kubetesting.Action) (bool, runtime.Object, error) {
	create, ok := action.(kubetesting.CreateAction)
	if !ok || action.GetSubresource() != "binding" {
		return false, nil, nil
	}
	binding, ok := create.GetObject().(*corev1.Binding)
	if !ok {
		return true, nil, apierrors.NewBadRequest("not a Binding")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	pod, err := c.pod(binding.Namespace, binding.Name)
	if err != nil {
		return true, nil, err
	}
	if reason := refusal(binding, pod); reason != "" {
		return true, nil, apierrors.NewConflict(podsResource.GroupResource(), pod.Name, fmt.Errorf("%s", reason))
	}
	pod.Spec.NodeName = binding.Target.Name
	c.stampVersion(pod)
	if c.onBind != nil {
		c.onBind(pod.DeepCopy())
	}
	return true, binding, c.client.Tracker().Update(podsResource, pod, pod.Namespace)
}

// refusal says why the Binding conflicts with the pod, empty if it does not.
func refusal(binding *corev1.Binding, pod *corev1.Pod) string {
	switch {
	case binding.UID != "" && binding.UID != pod.UID:
		return "Precondition failed: UID in precondition: " + string(binding.UID)
	case binding.ResourceVersion != "" && binding.ResourceVersion != pod.ResourceVersion:
		return "Precondition failed: ResourceVersion in precondition: " + binding.ResourceVersion
	case pod.DeletionTimestamp != nil:
		return "pod is being deleted, cannot be assigned to a host"
	case pod.Spec.NodeName != "":
		return "pod is already assigned to node " + pod.Spec.NodeName
	case len(pod.Spec.SchedulingGates) > 0:
		return "pod has non-empty .spec.schedulingGates"
	}
	return ""
}

// pod returns a copy of the stored pod.
func (c *Cluster) pod(namespace, name string) (*corev1.Pod, error) {
	object, err := c.client.Tracker().Get(podsResource, namespace, name)
	if err != nil {
		return nil, err
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("not a pod: %T", object)
	}
	return pod.DeepCopy(), nil
}
