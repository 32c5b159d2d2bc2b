package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// witness is asked by the API server about every Binding before it is stored
// (a validating webhook), and notes whether the agent of that node then had the
// pod's reservation on its disk. It never refuses one.
type witness struct {
	h *harness.Harness

	mu       sync.Mutex          // guards all below
	bindings map[string][]string // pod UID → nodes it was to be bound to
	bad      []string            // Bindings without a reservation
	unsure   []promise           // Bindings at which the master could not be asked
	kept     map[promise]bool    // as last read from the disks
	read     time.Time           // when that began
}

// fresh is how long something that a disk had counts as still there: nothing
// is reserved, unreserved and reserved again within that time.
const fresh = 500 * time.Millisecond

// promise is a reservation for a pod on a node. A pod may have two for a moment,
// when it is tried on another node after its bind broke off.
type promise struct{ uid, node string }

// watch registers a witness with the API server.
func watch(t *testing.T, h *harness.Harness) *witness {
	t.Helper()
	w := &witness{h: h, bindings: map[string][]string{}}
	authority, err := lab.NewAuthority("witness")
	must(t, err)
	pair, err := authority.IssueServer("witness", "127.0.0.1")
	must(t, err)
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	must(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(w.review))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)

	fail, none, seconds := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone, int32(10)
	_, err = h.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(),
		&admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "witness"},
			Webhooks: []admissionregistrationv1.ValidatingWebhook{{
				Name:                    "bindings.witness.test",
				ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: authority.CertificatePEM()},
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
		}, metav1.CreateOptions{})
	must(t, err)
	w.awaitCalled(t)
	return w
}

// awaitCalled waits until the API server asks: it reads webhooks with a delay.
func (w *witness) awaitCalled(t *testing.T) {
	t.Helper()
	await(t, patience, "the API server to ask the witness", func(ctx context.Context) error {
		binding := &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: "nobody", UID: "probe"},
			Target:     corev1.ObjectReference{Kind: "Node", Name: "nowhere"},
		}
		err := w.h.Client.CoreV1().Pods(harness.Namespace).Bind(ctx, binding, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.bindings["probe"]) == 0 {
			return fmt.Errorf("it was not asked: %w", err)
		}
		delete(w.bindings, "probe")
		w.bad, w.unsure = nil, nil
		return nil
	})
}

func (w *witness) review(rw http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	var binding corev1.Binding
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err == nil {
		err = json.Unmarshal(review.Request.Object.Raw, &binding)
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.note(context.WithoutCancel(r.Context()), &binding) // the caller may be killed
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(review) // the API server notices by itself
}

// note judges one Binding.
func (w *witness) note(ctx context.Context, binding *corev1.Binding) {
	wanted := promise{string(binding.UID), binding.Target.Name}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bindings[wanted.uid] = append(w.bindings[wanted.uid], wanted.node)
	if w.kept[wanted] && time.Since(w.read) < fresh {
		return
	}
	began := time.Now()
	kept, err := w.readDisks(ctx)
	if err != nil {
		w.unsure = append(w.unsure, wanted)
		return
	}
	w.kept, w.read = kept, began
	if !kept[wanted] {
		w.bad = append(w.bad, fmt.Sprintf("%s (%s) to %s", binding.Name, wanted.uid, wanted.node))
	}
}

// readDisks reads what the agents have checkpointed.
func (w *witness) readDisks(ctx context.Context) (map[promise]bool, error) {
	books, err := w.h.Books(ctx)
	if err != nil {
		return nil, err
	}
	kept := map[promise]bool{}
	for _, agent := range books.Agents {
		for _, r := range agent.OnDisk {
			kept[promise{r.Labels[masterapi.UIDLabel], agent.Hostname}] = true
		}
	}
	return kept, nil
}

// check fails the test if a Binding of one of the pods came before its
// reservation, or did not come through the witness.
func (w *witness) check(t *testing.T, pods []corev1.Pod) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.bad) > 0 {
		t.Errorf("%d Bindings were posted without a reservation on the agent's disk:\n%s",
			len(w.bad), strings.Join(w.bad, "\n"))
	}
	kept, err := w.readDisks(t.Context())
	must(t, err)
	for _, p := range w.unsure {
		if !kept[p] {
			t.Errorf("pod %s was bound to %s while the master was down, and has no reservation there", p.uid, p.node)
		}
	}
	t.Logf("%d pods bound, %d Bindings while the master was down", len(w.bindings), len(w.unsure))
	for _, pod := range pods {
		if len(w.bindings[string(pod.UID)]) == 0 {
			t.Errorf("pod %s is bound to %q, but the witness saw no Binding", pod.Name, pod.Spec.NodeName)
		}
	}
}
