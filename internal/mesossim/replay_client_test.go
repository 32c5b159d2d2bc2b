package mesossim

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	schedulerPath = "/api/v1/scheduler"
	operatorPath  = "/api/v1"
	streamHeader  = "Mesos-Stream-Id"
	madeUpStream  = "00000000-0000-4000-8000-000000000000"
	jsonType      = "application/json"
	protobufType  = "application/x-protobuf"
)

// spelledRequest is a call body such as "(GET /api/v1/scheduler) {}": method, path and body of an odd request.
var spelledRequest = regexp.MustCompile(`^\(([A-Z]+) (/\S*)\) ?(.*)$`)

// spelledBytes is a call body such as "(bytes ff ff ff)".
var spelledBytes = regexp.MustCompile(`^\(bytes((?: [0-9a-f]{2})+)\)$`)

// spelled is what a recorded call says about its request besides headers.
type spelled struct {
	method, path, contentType string
	body                      []byte
}

// requestOf builds the HTTP request of a recorded call, with the ids of this run.
func (s *session) requestOf(l *recordedLine) (*http.Request, error) {
	call, err := s.spelledOut(l)
	if err != nil {
		return nil, err
	}
	method, path := cmp.Or(l.hints.method, call.method), cmp.Or(l.hints.path, call.path)
	request, err := http.NewRequest(method, s.cluster.url()+path, bytes.NewReader(call.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "")
	if headersSpelled(l.RequestHeaders) {
		for name, value := range l.RequestHeaders {
			request.Header.Set(name, s.ids.translate(value))
		}
		return request, nil
	}
	request.Header.Set("Content-Type", call.contentType)
	request.Header.Set("Accept", call.contentType)
	s.setStreamHeader(request, l)
	s.authorize(request, l)
	return request, nil
}

// headersSpelled: a recorded set of headers is complete if it has one of those that every call has; a set with
// Authorization alone adds to the usual ones.
func headersSpelled(headers map[string]string) bool {
	return headers["Content-Type"] != "" || headers["Accept"] != "" || headers[streamHeader] != ""
}

func (s *session) setStreamHeader(request *http.Request, l *recordedLine) {
	switch l.Stream {
	case "none", "":
	case "wrong":
		request.Header.Set(streamHeader, madeUpStream)
	default:
		if stream := s.streams[l.Stream]; stream != nil {
			request.Header.Set(streamHeader, stream.id)
		}
	}
}

// authorize sets the credentials: recorded ones, else those with which the stream was opened.
func (s *session) authorize(request *http.Request, l *recordedLine) {
	value := l.RequestHeaders["Authorization"]
	if value == "" {
		value = s.streamAuth[l.Stream]
	}
	if l.OpensStream != "" {
		s.streamAuth[l.OpensStream] = value
	}
	if l.hints.otherAuth {
		value = s.otherCredentials(value)
	}
	if value != "" && !l.hints.noAuth {
		request.Header.Set("Authorization", value)
	}
}

func (s *session) otherCredentials(not string) string {
	for _, name := range s.principals {
		if value := basicAuth(name, s.secrets[name]); value != not {
			return value
		}
	}
	return not
}

func basicAuth(name, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))
}

// spelledOut is the request line and body of a recorded call.
func (s *session) spelledOut(l *recordedLine) (spelled, error) {
	call := spelled{method: http.MethodPost, path: schedulerPath, contentType: jsonType}
	var words string
	var err error
	switch {
	case l.BodyBase64 != "":
		call.contentType = protobufType
		call.body, err = s.protobufBody(l.BodyBase64)
	case json.Unmarshal(l.Body, &words) != nil:
		call.body = s.ids.translateBody(l.Body)
	default:
		err = s.readWords(words, &call)
	}
	return call, err
}

// readWords reads a body that the recorder put into words, or that is not JSON.
func (s *session) readWords(words string, call *spelled) (err error) {
	if match := spelledRequest.FindStringSubmatch(words); match != nil {
		call.method, call.path, call.body = match[1], match[2], []byte(match[3])
		return nil
	}
	if match := spelledBytes.FindStringSubmatch(words); match != nil {
		call.contentType = protobufType
		call.body, err = hexBytes(match[1])
		return err
	}
	switch {
	case words == "(empty)":
		call.contentType = protobufType
	case strings.HasPrefix(words, "("):
		return fmt.Errorf("body %q not understood", words)
	default:
		call.body = []byte(s.ids.translate(words))
	}
	return nil
}

func hexBytes(spelled string) ([]byte, error) {
	var out []byte
	for field := range strings.FieldsSeq(spelled) {
		b, err := strconv.ParseUint(field, 16, 8)
		if err != nil {
			return nil, err
		}
		out = append(out, byte(b))
	}
	return out, nil
}

// operatorRequest builds the request of an operator line: a call to /api/v1, or a form posted to an older endpoint.
func (s *session) operatorRequest(l *recordedLine) (*http.Request, error) {
	path, contentType, body := operatorPath, jsonType, s.ids.translateBody(l.Request)
	var old struct {
		POST string                     `json:"POST"`
		Form map[string]json.RawMessage `json:"form"`
	}
	if json.Unmarshal(l.Request, &old) == nil && old.POST != "" {
		path, contentType, body = old.POST, "application/x-www-form-urlencoded", s.formBody(old.Form)
	}
	request, err := http.NewRequest(http.MethodPost, s.cluster.url()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", jsonType)
	if len(s.principals) > 0 && !l.hints.noAuth {
		operator := s.principals[len(s.principals)-1] // the recorder's operator came last in its list
		request.Header.Set("Authorization", basicAuth(operator, s.secrets[operator]))
	}
	return request, nil
}

func (s *session) formBody(form map[string]json.RawMessage) []byte {
	values := url.Values{}
	for name, raw := range form {
		var plain string
		if json.Unmarshal(raw, &plain) == nil {
			values.Set(name, s.ids.translate(plain))
		} else {
			values.Set(name, string(s.ids.translateBody(raw)))
		}
	}
	return []byte(values.Encode())
}

// headersOf is what the recorder kept of a response's headers: all but Date, and no Connection, which the two clients
// negotiate differently.
func headersOf(response *http.Response) map[string]string {
	out := map[string]string{}
	for name := range response.Header {
		out[strings.ToLower(name)] = response.Header.Get(name)
	}
	if len(response.TransferEncoding) > 0 {
		out["transfer-encoding"] = response.TransferEncoding[0]
	}
	delete(out, "date")
	delete(out, "connection")
	return out
}

// compareHeaders compares a response's headers with the recorded ones.
func (s *session) compareHeaders(l *recordedLine, want map[string]string, response *http.Response, body []byte) {
	got := headersOf(response)
	names := append(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got))...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		w, wanted := want[name]
		g, sent := got[name]
		same := wanted == sent
		switch {
		case !same:
		case name == "content-length": // of the recorded text with this run's ids in it
			same = !wanted || g == strconv.Itoa(len(body))
		default:
			same = s.ids.matchText(w, g)
		}
		if !same {
			s.differ(l, "header %s: want %q, got %q", name, w, g)
		}
	}
}

func readBody(response *http.Response) ([]byte, error) {
	body, err := io.ReadAll(response.Body)
	return body, errors.Join(err, response.Body.Close())
}
