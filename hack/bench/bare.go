package main

import (
	"bytes"
	"context"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
)

// bare is the least that an extender which binds can do: it answers filter with
// the first node that it finds in the body, and bind with the Binding posted. It
// watches nothing, decides nothing and knows no Mesos, so what it costs no
// extender can avoid.
type bare struct {
	client kubernetes.Interface
}

// names is how kube-scheduler begins the list of nodes.
var names = []byte(`"NodeNames":["`)

func (b bare) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /filter", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, rest, _ := bytes.Cut(body, names)
		first, _, found := bytes.Cut(rest, []byte{'"'})
		if !found {
			http.Error(w, "no NodeNames", http.StatusBadRequest)
			return
		}
		write(w, &extenderv1.ExtenderFilterResult{NodeNames: &[]string{string(first)}})
	})
	mux.HandleFunc("POST /bind", func(w http.ResponseWriter, r *http.Request) {
		args, ok := read[extenderv1.ExtenderBindingArgs](w, r)
		if !ok {
			return
		}
		result := extenderv1.ExtenderBindingResult{}
		err := b.client.CoreV1().Pods(args.PodNamespace).Bind(r.Context(), &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: args.PodNamespace, Name: args.PodName, UID: args.PodUID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: args.Node},
		}, metav1.CreateOptions{})
		if err != nil {
			result.Error = err.Error()
		}
		write(w, result)
	})
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

// serveBare serves until ctx ends.
func serveBare(ctx context.Context, address, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return serve(ctx, address, bare{client}.handler())
}
