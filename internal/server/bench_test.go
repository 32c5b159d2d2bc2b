package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// BenchmarkFilterCall measures a call without the network: read, decode,
// decide, encode. Half of the nodes fit.
func BenchmarkFilterCall(b *testing.B) {
	for _, n := range []int{500, 5000, 100000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			names, free := make([]string, n), offers{}
			for i := range n {
				names[i] = fmt.Sprintf("node-%06d", i)
				free[names[i]] = vector(int64(1+i%2*7), 4096)
			}
			body := `{"Pod":` + podJSON + `,"Nodes":null,"NodeNames":["` + strings.Join(names, `","`) + `"]}`
			w := &world{view: filter.View{Offers: free, Nodes: identity{}}}
			s := New(Options{MaxBodyBytes: 64 << 20, Candidates: 16}, Deps{
				Cluster: w, Binder: w, Ready: w, Waiting: w, Log: zap.NewNop(), Registry: prometheus.NewRegistry(), Clock: clock.RealClock{},
			})
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				recorder := httptest.NewRecorder()
				s.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/filter", strings.NewReader(body)))
				if recorder.Code != http.StatusOK {
					b.Fatalf("answered %d", recorder.Code)
				}
			}
		})
	}
}
