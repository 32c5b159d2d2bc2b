package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// WithoutOffers reports whether a node carries the label of nodes without
// offers, so that kube-scheduler does not show it to us.
func WithoutOffers(node *corev1.Node) bool { return node.Labels[OffersLabel] == NoOffers }

// LabelWithoutOffers puts the label on a node, or takes it off. It is one change
// of one label of the node that has this UID; where there is none any more,
// nothing is to be done and that is no error. Every change of a node makes
// kube-scheduler try every pod again that was refused.
func LabelWithoutOffers(ctx context.Context, client kubernetes.Interface, name string, uid types.UID, without bool) error {
	var value any // null removes it
	if without {
		value = NoOffers
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": uid, "labels": map[string]any{OffersLabel: value},
	}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	// 422 since metadata.uid is immutable: a node made anew under the name.
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsInvalid(err) {
		return fmt.Errorf("label node %s: %w", name, err)
	}
	return nil
}

// labelled is which nodes carry the label, as the informer has it.
type labelled struct {
	mu    sync.RWMutex // guards nodes
	nodes map[string]struct{}
	gone  func(node string)
}

// note takes in what a node carries now, and whoever waits for it hears of a
// label that is gone.
func (l *labelled) note(name string, carries bool) {
	l.mu.Lock()
	_, carried := l.nodes[name]
	if carries {
		l.nodes[name] = struct{}{}
	} else {
		delete(l.nodes, name)
	}
	l.mu.Unlock()
	if carried && !carries && l.gone != nil {
		l.gone(name)
	}
}

// OnOffersAgain has report called with every node that has lost the label of
// nodes without offers, in one goroutine of the informer, which must not wait.
// Call it before Run.
func (n *Nodes) OnOffersAgain(report func(node string)) { n.labelled.gone = report }

// WithoutOffers reports whether a node carries the label, as the informer has
// it.
func (n *Nodes) WithoutOffers(node string) bool {
	n.labelled.mu.RLock()
	defer n.labelled.mu.RUnlock()
	_, carries := n.labelled.nodes[node]
	return carries
}

// CountWithoutOffers returns how many nodes carry the label.
func (n *Nodes) CountWithoutOffers() int {
	n.labelled.mu.RLock()
	defer n.labelled.mu.RUnlock()
	return len(n.labelled.nodes)
}

// Node returns the name, UID, resource version and our label of a node, as the
// informer has it; false if there is none of that name.
func (n *Nodes) Node(name string) (*corev1.Node, bool) {
	object, found, err := n.informer.GetStore().GetByKey(name)
	node, ok := object.(*trimmedNode)
	if err != nil || !found || !ok {
		return nil, false
	}
	return node.node(), true
}

// All yields every node, as Node returns it, in no order.
func (n *Nodes) All() iter.Seq[*corev1.Node] {
	return func(yield func(*corev1.Node) bool) {
		for _, object := range n.informer.GetStore().List() {
			if node, ok := object.(*trimmedNode); ok && !yield(node.node()) {
				return
			}
		}
	}
}
