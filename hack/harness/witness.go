package harness

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// Witness is asked by the API server about every Binding before it is stored
// (a validating webhook), and notes whether the agent of that node then had the
// pod's reservation on its disk. It never refuses one. Create it with
// WatchAdmissions and end it with Stop.
type Witness struct {
	client kubernetes.Interface
	disks  *Disks
	server *httptest.Server

	mu       sync.Mutex          // guards all below
	bindings map[string][]string // pod UID → nodes it was to be bound to
	baseless []Baseless
	problem  error // the first failure to read the disks
}

// Baseless is a Binding that was asked for without a reservation.
type Baseless struct {
	Promise
	Pod string
}

func (b Baseless) String() string { return fmt.Sprintf("%s (%s) to %s", b.Pod, b.UID, b.Node) }

// probeUID is the pod UID of the Binding that tells whether the witness is asked.
const probeUID = "probe"

// WatchAdmissions registers a witness with the API server and returns once it is
// asked.
func (h *Harness) WatchAdmissions(ctx context.Context) (*Witness, error) {
	disks, err := h.Disks()
	if err != nil {
		return nil, err
	}
	authority, err := lab.NewAuthority("witness")
	if err != nil {
		return nil, err
	}
	pair, err := authority.IssueServer("witness", "127.0.0.1")
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return nil, err
	}
	w := &Witness{client: h.Client, disks: disks, bindings: map[string][]string{}}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(w.review))
	w.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	w.server.StartTLS()
	hook := bindingsWebhook(w.server.URL, authority.CertificatePEM())
	_, err = h.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(ctx, hook, metav1.CreateOptions{})
	if err == nil {
		err = Await(ctx, startTimeout, "the API server to ask the witness", func(ctx context.Context) error { return w.probe(ctx, h) })
	}
	if err != nil {
		w.Stop()
		return nil, err
	}
	return w, nil
}

// Stop ends the witness. Bindings fail from then on.
func (w *Witness) Stop() { w.server.Close() }

func bindingsWebhook(url string, authority []byte) *admissionregistrationv1.ValidatingWebhookConfiguration {
	fail, none, seconds := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone, int32(10)
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "witness"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "bindings.witness.test",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: authority},
			FailurePolicy:           &fail,
			SideEffects:             &none,
			TimeoutSeconds:          &seconds,
			AdmissionReviewVersions: []string{"v1"},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/binding"},
				},
			}},
		}},
	}
}

// probe posts a Binding of no pod: the API server reads webhooks with a delay.
func (w *Witness) probe(ctx context.Context, h *Harness) error {
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: "nobody", UID: probeUID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: "nowhere"},
	}
	err := h.Client.CoreV1().Pods(Namespace).Bind(ctx, binding, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.bindings[probeUID]) == 0 {
		return fmt.Errorf("it was not asked: %w", err)
	}
	delete(w.bindings, probeUID)
	return nil
}

func (w *Witness) review(rw http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	var binding corev1.Binding
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err == nil && review.Request != nil {
		err = json.Unmarshal(review.Request.Object.Raw, &binding)
	}
	if err != nil || review.Request == nil {
		http.Error(rw, fmt.Sprint("no review of a Binding: ", err), http.StatusBadRequest)
		return
	}
	w.note(r.Context(), &binding)
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(review) // the API server notices by itself
}

// note judges one Binding.
func (w *Witness) note(ctx context.Context, binding *corev1.Binding) {
	wanted := Promise{string(binding.UID), binding.Target.Name}
	promises, err := w.disks.Promises()
	baseless := err == nil && promises[wanted] == 0 && w.possible(ctx, binding)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bindings[wanted.UID] = append(w.bindings[wanted.UID], wanted.Node)
	switch {
	case err != nil && w.problem == nil:
		w.problem = err
	case baseless:
		w.baseless = append(w.baseless, Baseless{wanted, binding.Name})
	}
}

// possible reports whether a Binding may still succeed: that of a pod which is
// bound already or has gone cannot.
func (w *Witness) possible(ctx context.Context, binding *corev1.Binding) bool {
	pod, err := w.client.CoreV1().Pods(Namespace).Get(context.WithoutCancel(ctx), binding.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false
	}
	return err != nil || pod.UID == binding.UID && pod.Spec.NodeName == ""
}

// Bindings are the nodes to which each pod was to be bound, by the pod's UID. An
// error says that some could not be judged.
func (w *Witness) Bindings() (map[string][]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	copied := make(map[string][]string, len(w.bindings))
	for uid, nodes := range w.bindings {
		copied[uid] = slices.Clone(nodes)
	}
	return copied, w.problem
}

// Baseless are the Bindings that were asked for without a reservation.
func (w *Witness) Baseless() []Baseless {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.baseless)
}
