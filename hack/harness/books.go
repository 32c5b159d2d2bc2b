package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// Books is what the emulated master and its agents hold, the agents' disks
// included, at one moment.
func (h *Harness) Books(ctx context.Context) (mesossim.Books, error) {
	var books mesossim.Books
	answer, err := h.simCall(ctx, http.MethodGet, "books", nil)
	if err != nil {
		return books, err
	}
	if err := json.Unmarshal(answer, &books); err != nil {
		return books, fmt.Errorf("decode the emulated master's books: %w", err)
	}
	return books, nil
}

// Control does something to the emulated cluster, such as kill-agent; see
// internal/mesossim for the actions and their parameters.
func (h *Harness) Control(ctx context.Context, action string, parameters map[string]any) error {
	body, err := json.Marshal(parameters)
	if err != nil {
		return err
	}
	_, err = h.simCall(ctx, http.MethodPost, action, body)
	return err
}

func (h *Harness) simCall(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	if h.master == nil {
		return nil, errRealMaster
	}
	request, err := http.NewRequestWithContext(ctx, method, h.master.url()+"/sim/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("emulated master: %s: %s: %s", path, response.Status, answer)
	}
	return answer, nil
}
