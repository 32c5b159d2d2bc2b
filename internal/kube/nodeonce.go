package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// MapNodes maps the nodes as the kube-apiserver has them now to these agents,
// which must be all there are: by the same rules as Nodes, once.
func MapNodes(ctx context.Context, client kubernetes.Interface, agents []AgentIdentity) (*NodeMap, error) {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	nodes := make(map[string]keys, len(list.Items))
	for i := range list.Items {
		nodes[list.Items[i].Name] = keysOfNode(&list.Items[i])
	}
	known := make([]*knownAgent, 0, len(agents))
	for _, agent := range agents {
		known = append(known, &knownAgent{AgentIdentity: agent})
	}
	slices.SortFunc(known, func(a, b *knownAgent) int { return strings.Compare(a.ID, b.ID) })
	return match(nodes, known), nil
}
