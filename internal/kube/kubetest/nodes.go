package kubetest

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubetesting "k8s.io/client-go/testing"
)

var nodesResource = corev1.SchemeGroupVersion.WithResource("nodes")

// patchNode applies a merge patch. A patch of another UID is invalid.
func (c *Cluster) patchNode(action kubetesting.Action) (bool, runtime.Object, error) {
	patch, ok := action.(kubetesting.PatchAction)
	if !ok || action.GetResource() != nodesResource {
		return false, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	object, err := c.client.Tracker().Get(nodesResource, "", patch.GetName())
	if err != nil {
		return true, nil, err
	}
	node, ok := object.(*corev1.Node)
	if !ok {
		return true, nil, fmt.Errorf("not a node: %T", object)
	}
	patched, err := merge(node, patch.GetPatch())
	if err != nil {
		return true, nil, apierrors.NewBadRequest(err.Error())
	}
	if patched.UID != node.UID {
		return true, nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Node").GroupKind(), node.Name,
			field.ErrorList{field.Invalid(field.NewPath("metadata", "uid"), patched.UID, "field is immutable")})
	}
	c.stampVersion(patched)
	return true, patched, c.client.Tracker().Update(nodesResource, patched, "")
}
