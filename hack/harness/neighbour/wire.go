package neighbour

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	schedulerPath = "/api/v1/scheduler"
	streamHeader  = "Mesos-Stream-Id"
	mediaJSON     = "application/json"
	// maxRecord bounds one event, in bytes.
	maxRecord = 64 << 20
)

// id is how Mesos writes identifiers in JSON.
type id struct {
	Value string `json:"value"`
}

// object is JSON that is passed back as it came.
type object = map[string]any

// event is what a neighbour reads of the stream.
type event struct {
	Type       string `json:"type"`
	Subscribed struct {
		FrameworkID id `json:"framework_id"`
	} `json:"subscribed"`
	Offers struct {
		Offers []offer `json:"offers"`
	} `json:"offers"`
	Rescind struct {
		OfferID id `json:"offer_id"`
	} `json:"rescind"`
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
}

type offer struct {
	ID        id       `json:"id"`
	AgentID   id       `json:"agent_id"`
	Hostname  string   `json:"hostname"`
	Resources []object `json:"resources"`
}

// reserved splits an offer's resources by whether they carry a reservation.
func (o offer) reserved() (yes, no []object) {
	for _, resource := range o.Resources {
		if layers, ok := resource["reservations"].([]any); ok && len(layers) > 0 {
			yes = append(yes, resource)
		} else {
			no = append(no, resource)
		}
	}
	return yes, no
}

// subscribe opens the event stream.
func (n *Neighbour) subscribe(ctx context.Context) (io.ReadCloser, error) {
	info := object{
		"user": "root", "name": n.options.Name, "roles": []string{n.options.Role}, "failover_timeout": failoverSeconds,
		"capabilities": []object{{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}, {"type": "PARTITION_AWARE"}},
	}
	call := object{"type": "SUBSCRIBE", "subscribe": object{"framework_info": info}}
	if n.framework != "" {
		info["id"], call["framework_id"] = id{n.framework}, id{n.framework}
	}
	response, err := n.post(ctx, call, "")
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stream = response.Header.Get(streamHeader)
	return response.Body, nil
}

// send makes a call of the subscription.
func (n *Neighbour) send(ctx context.Context, call object) error {
	call["framework_id"] = id{n.framework}
	response, err := n.post(ctx, call, n.stream)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (n *Neighbour) post(ctx context.Context, call object, stream string) (*http.Response, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", call["type"], err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.options.Master+schedulerPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", mediaJSON)
	request.Header.Set("Accept", mediaJSON)
	if stream != "" {
		request.Header.Set(streamHeader, stream)
	}
	response, err := n.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call["type"], err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // the status says enough without it
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s: the master answered %s: %s", call["type"], response.Status, text)
	}
	return response, nil
}

// readEvents hands on the events of a RecordIO stream until it ends: each is
// its length in decimal, a newline, and that many bytes of JSON.
func readEvents(stream io.Reader, handle func(event) error) error {
	reader := bufio.NewReader(stream)
	for {
		head, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(strings.TrimSuffix(head, "\n"))
		if err != nil || size < 0 || size > maxRecord {
			return fmt.Errorf("record length %q", head)
		}
		record := make([]byte, size)
		if _, err := io.ReadFull(reader, record); err != nil {
			return err
		}
		var e event
		if err := json.Unmarshal(record, &e); err != nil {
			return fmt.Errorf("decode event: %w", err)
		}
		if err := handle(e); err != nil {
			return err
		}
	}
}
