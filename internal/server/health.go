package server

import (
	"fmt"
	"net/http"
	"strings"
)

// livez says that the process answers. What is wrong with Mesos or the API
// server is not cured by a restart, so it does not matter here.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok\n")
}

// readyz says whether the replica can do its work, and why not. With ?verbose
// it says who leads as well.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	var body strings.Builder
	status := http.StatusOK
	if err := s.deps.Ready.Ready(); err != nil {
		status = http.StatusServiceUnavailable
		for _, reason := range reasonsOf(err) {
			fmt.Fprintf(&body, "not ready: %v\n", reason)
		}
	} else {
		body.WriteString("ok\n")
	}
	if r.URL.Query().Has("verbose") {
		fmt.Fprintf(&body, "leading: %t\n", s.deps.Ready.Leading())
	}
	writeText(w, status, body.String())
}

// reasonsOf takes apart what errors.Join put together.
func reasonsOf(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, text)
}
