package kubestub

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
)

// acceptedTypes are the media types of the Accept header, without parameters.
func acceptedTypes(r *http.Request) []string {
	var out []string
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if media, _, err := mime.ParseMediaType(part); err == nil {
			out = append(out, media)
		}
	}
	return out
}

func (s *Server) serveNodes(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") != "" {
		initial := func(yield func(runtime.Object) bool) {
			s.nodes(func(node *corev1.Node) bool { return yield(node) })
		}
		serveWatch(w, r, initial, &corev1.Node{})
		return
	}
	list := &corev1.NodeList{ListMeta: metav1.ListMeta{ResourceVersion: version}}
	for node := range s.nodes {
		list.Items = append(list.Items, *node)
	}
	answer(w, r, http.StatusOK, corev1.SchemeGroupVersion, list)
}

func (s *Server) servePods(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") != "" {
		serveWatch(w, r, func(func(runtime.Object) bool) {}, &corev1.Pod{})
		return
	}
	answer(w, r, http.StatusOK, corev1.SchemeGroupVersion, &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: version}})
}

// events writes the events of one watch.
type events struct {
	out      io.Writer
	flush    func() error
	object   runtime.Encoder
	envelope runtime.Encoder
}

func newEvents(w http.ResponseWriter, r *http.Request) *events {
	info := serializer(r)
	w.Header().Set("Content-Type", info.MediaType)
	if info.MediaType == runtime.ContentTypeProtobuf {
		w.Header().Set("Content-Type", info.MediaType+";stream=watch")
	}
	w.WriteHeader(http.StatusOK)
	return &events{
		out:      info.StreamSerializer.NewFrameWriter(w),
		flush:    http.NewResponseController(w).Flush,
		object:   scheme.Codecs.EncoderForVersion(info.Serializer, corev1.SchemeGroupVersion),
		envelope: scheme.Codecs.EncoderForVersion(info.StreamSerializer.Serializer, corev1.SchemeGroupVersion),
	}
}

func (e *events) send(kind watch.EventType, object runtime.Object) error {
	data, err := runtime.Encode(e.object, object)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	event := &metav1.WatchEvent{Type: string(kind), Object: runtime.RawExtension{Raw: data}}
	return e.envelope.Encode(event, e.out)
}

// serveWatch sends what there is, if the client asks for it, and then nothing
// more until the client's time is over.
func serveWatch(w http.ResponseWriter, r *http.Request, initial func(func(runtime.Object) bool), bookmark runtime.Object) {
	e := newEvents(w, r)
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for object := range initial {
			if e.send(watch.Added, object) != nil {
				return // the client hung up
			}
		}
		if e.send(watch.Bookmark, endOfList(bookmark)) != nil {
			return
		}
	}
	if e.flush() != nil {
		return
	}
	over := time.NewTimer(watchTime(r))
	defer over.Stop()
	select {
	case <-over.C:
	case <-r.Context().Done():
	}
}

// endOfList makes the bookmark that ends a list by watch.
func endOfList(object runtime.Object) runtime.Object {
	if meta, ok := object.(metav1.Object); ok {
		meta.SetResourceVersion(version)
		meta.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
	return object
}

// watchTime is how long the client wants to watch.
func watchTime(r *http.Request) time.Duration {
	seconds, err := time.ParseDuration(r.URL.Query().Get("timeoutSeconds") + "s")
	if err != nil {
		return time.Hour
	}
	return seconds
}
