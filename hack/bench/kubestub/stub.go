// Package kubestub is as much of a kube-apiserver as the daemon needs to run
// beside a very large cluster: nodes that are made up by number, no pods, and
// Leases that can be read and written. A real kube-apiserver with 100,000 nodes
// would take longer to fill than the benchmark takes, and more memory than the
// machine may have.
//
// It speaks protobuf and JSON, lists and watches (also the list by watch of
// client-go's reflectors). It must not be used to judge what depends on how a
// kube-apiserver behaves: no watch ever changes, nobody is refused anything.
package kubestub

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// version is the resource version of everything that never changes.
const version = "1000"

// maxBody bounds what a client may send.
const maxBody = 1 << 20

// Server is a running stub. Create it with Start.
type Server struct {
	nodes func(yield func(*corev1.Node) bool)
	http  *http.Server
	addr  string
	done  sync.WaitGroup

	mu     sync.Mutex                       // guards all below
	leases map[string]*coordinationv1.Lease // namespace/name → the Lease
	writes int64                            // of Leases so far
}

// Start serves these nodes on a free port of the loopback interface. The
// sequence is run through for every list, so nodes can be made as they are read.
func Start(nodes func(yield func(*corev1.Node) bool)) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{nodes: nodes, addr: listener.Addr().String(), leases: map[string]*coordinationv1.Lease{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/nodes", s.serveNodes)
	mux.HandleFunc("GET /api/v1/pods", s.servePods)
	mux.HandleFunc("GET /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}", s.getLease)
	mux.HandleFunc("POST /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", s.writeLease)
	mux.HandleFunc("PUT /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}", s.writeLease)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	s.done.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the benchmark cannot go on
		}
	})
	return s, nil
}

// Close ends the server and breaks all watches.
func (s *Server) Close() error {
	err := s.http.Close()
	s.done.Wait()
	return err
}

// URL is the server's base URL.
func (s *Server) URL() string { return "http://" + s.addr }

// Kubeconfig is the text of a kubeconfig that leads here.
func (s *Server) Kubeconfig() string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: stub, cluster: {server: %q}}]
contexts: [{name: stub, context: {cluster: stub, user: stub}}]
users: [{name: stub, user: {}}]
current-context: stub
`, s.URL())
}

func (s *Server) getLease(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("namespace") + "/" + r.PathValue("name")
	s.mu.Lock()
	lease := s.leases[name].DeepCopy() // encoding writes to it; nil stays nil
	s.mu.Unlock()
	if lease == nil {
		notFound := apierrors.NewNotFound(schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}, r.PathValue("name"))
		answer(w, r, http.StatusNotFound, metav1.Unversioned, &notFound.ErrStatus)
		return
	}
	answer(w, r, http.StatusOK, coordinationv1.SchemeGroupVersion, lease)
}

// writeLease creates or replaces a Lease.
func (s *Server) writeLease(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, &coordinationv1.Lease{})
	lease, isLease := object.(*coordinationv1.Lease)
	if err != nil || !isLease {
		http.Error(w, "no Lease: "+fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.writes++
	lease.ResourceVersion = strconv.FormatInt(s.writes, 10)
	s.leases[r.PathValue("namespace")+"/"+lease.Name] = lease.DeepCopy()
	s.mu.Unlock()
	answer(w, r, http.StatusOK, coordinationv1.SchemeGroupVersion, lease)
}

// serializer is the one that the request's Accept header names first, JSON if
// none of it is known.
func serializer(r *http.Request) runtime.SerializerInfo {
	known := scheme.Codecs.SupportedMediaTypes()
	for _, accepted := range acceptedTypes(r) {
		if info, ok := runtime.SerializerInfoForMediaType(known, accepted); ok {
			return info
		}
	}
	info, _ := runtime.SerializerInfoForMediaType(known, runtime.ContentTypeJSON)
	return info
}

// answer writes one object. A client that hung up is its own problem.
func answer(w http.ResponseWriter, r *http.Request, status int, gv schema.GroupVersion, object runtime.Object) {
	info := serializer(r)
	encoder := scheme.Codecs.EncoderForVersion(info.Serializer, gv)
	data, err := runtime.Encode(encoder, object)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", info.MediaType)
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
