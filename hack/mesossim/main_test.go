package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// lines hands out what is written, line by line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- strings.TrimSpace(string(p))
	return len(p), nil
}

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, ended := make(lines, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{
			"--addr=127.0.0.1:0", "--agents=3", "--agent-resources=cpus:4;mem:1024", "--agent-ip=10.0.0.%d",
			"--allocation-interval=50ms", "--neighbour=n", "--neighbour-agents=2", "--neighbour-tasks=cpus:3",
			"--work-dir=" + t.TempDir(),
		}, out)
	}()
	url := <-out
	var books mesossim.Books
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(url + "/sim/books")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(response.Body).Decode(&books); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if books.Agents[1].Allocated["cpus"] == 3 && books.Agents[2].Allocated["cpus"] == 3 {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("the neighbour takes nothing: %+v", books.Agents)
		}
	}
	if books.Agents[0].Allocated["cpus"] != 0 {
		t.Error("the neighbour wants the last two agents only")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBadCommandLine(t *testing.T) {
	for _, args := range [][]string{
		{"--no-such-flag"},
		{"--addr=127.0.0.1:0", "--agents=1", "--agent-resources=cpus"},
		{"--addr=127.0.0.1:0", "--master-flag=--offer_timeout=3"},
		{"--addr=127.0.0.1:0", "--agents=1", "--neighbour=n", "--neighbour-role=bad role"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); err == nil {
			t.Errorf("%v: want an error", args)
		}
	}
}
