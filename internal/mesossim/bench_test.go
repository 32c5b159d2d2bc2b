package mesossim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// BenchmarkStart starts a master and its agents until all are registered.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("agents=%d", n), func(b *testing.B) {
			specs := make([]AgentSpec, n)
			for b.Loop() {
				sim, err := Start(context.Background(), Options{Agents: specs})
				if err != nil {
					b.Fatal(err)
				}
				if err := sim.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirstOffers subscribes over protobuf and reads until every agent has
// been offered.
func BenchmarkFirstOffers(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("agents=%d", n), func(b *testing.B) {
			sim, err := Start(context.Background(), Options{Agents: make([]AgentSpec, n)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := sim.Close(); err != nil {
					b.Error(err)
				}
			}()
			for b.Loop() {
				if err := readOffers(sim, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// readOffers subscribes a framework, waits for the offers of n agents and
// leaves.
func readOffers(sim *Sim, n int) error {
	body := `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"bench","roles":["bench"],"capabilities":[{"type":"MULTI_ROLE"}]}}}`
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, sim.URL()+"/api/v1/scheduler", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", mediaJSON)
	request.Header.Set("Accept", mediaProtobuf)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	seen, buffer := 0, make([]byte, 1<<20)
	for seen < n {
		size, err := response.Body.Read(buffer)
		seen += bytes.Count(buffer[:size], []byte("/slave(1)"))
		if err == io.EOF {
			return fmt.Errorf("stream ended after %d offers", seen)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
