package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var benchSizes = []int{100, 500, 1000, 5000, 100000}

// BenchmarkFilterCall and BenchmarkPrioritizeCall measure a call without the
// network: read, decode, decide, encode.
func BenchmarkFilterCall(b *testing.B)     { benchCalls(b, "/filter") }
func BenchmarkPrioritizeCall(b *testing.B) { benchCalls(b, "/prioritize") }

// BenchmarkFilterHTTP and BenchmarkPrioritizeHTTP measure a call over a kept
// connection on loopback, the client's part included.
func BenchmarkFilterHTTP(b *testing.B)     { benchHTTP(b, "/filter", ourHandler) }
func BenchmarkPrioritizeHTTP(b *testing.B) { benchHTTP(b, "/prioritize", ourHandler) }

// BenchmarkNoOpFilterHTTP and BenchmarkNoOpPrioritizeHTTP are what the former
// are compared with.
func BenchmarkNoOpFilterHTTP(b *testing.B)     { benchHTTP(b, "/filter", noOpHandler) }
func BenchmarkNoOpPrioritizeHTTP(b *testing.B) { benchHTTP(b, "/prioritize", noOpHandler) }

func ourHandler(size int) (http.Handler, []string) {
	view, names := benchView(size)
	return benchServer(view), names
}

func noOpHandler(size int) (http.Handler, []string) {
	_, names := benchView(size)
	return noOp(), names
}

func benchCalls(b *testing.B, path string) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			handler, names := ourHandler(size)
			body := benchBody(b, names)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
				if recorder.Code != http.StatusOK {
					b.Fatalf("answered %d", recorder.Code)
				}
			}
		})
	}
}

func benchHTTP(b *testing.B, path string, build func(int) (http.Handler, []string)) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			handler, names := build(size)
			body := benchBody(b, names)
			server := httptest.NewServer(handler)
			defer server.Close()
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				response, err := server.Client().Post(server.URL+path, "application/json", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
					b.Fatalf("answered %d, %v", response.StatusCode, err)
				}
				_ = response.Body.Close()
			}
		})
	}
}
