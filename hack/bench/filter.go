package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

const (
	// halfCovered are agents of which every other one is too small for the pod.
	halfCovered = "cpus:8;mem:16384;disk:50000;ports:[31000-32000]|cpus:1;mem:16384;disk:50000;ports:[31000-32000]"
	// namesPerRow bounds the work of a row: so many names are sent in all, by
	// each side.
	namesPerRow = 4_000_000
	leastCalls  = 40
	mostCalls   = 2000
	// volley is how many calls one side gets before it is the other's turn.
	volley = 20
	// rest is the pause before each of restedCalls, for both sides alike.
	rest        = 3 * time.Millisecond
	restedCalls = 200
)

// calls compares one verb with an extender that does nothing. Both sides run in
// processes of their own and are called in turn over connections that are kept, by
// a caller that costs little. What comes of Go's http.Client is told among the
// details.
func calls(verb string, nodes int) func(context.Context, *environment) (result, error) {
	return func(ctx context.Context, e *environment) (result, error) {
		p, err := build(ctx, e, fmt.Sprintf("%s-%d", verb, nodes))
		if err != nil {
			return result{}, err
		}
		return compareCalls(ctx, p, e.cache(fmt.Sprintf("%s-%d", verb, nodes)), verb, nodes, mostCalls)
	}
}

// compareCalls makes at most that many calls to each side.
func compareCalls(ctx context.Context, p programs, dir, verb string, nodes, most int) (result, error) {
	c, err := startCrowd(ctx, p, dir, crowdOptions{agents: nodes, resources: halfCovered})
	if err != nil {
		return result{}, err
	}
	defer c.stop()
	port, err := lab.FreePort()
	if err != nil {
		return result{}, err
	}
	reference, err := p.noop(loopback(port))
	if err != nil {
		return result{}, err
	}
	defer reference.Stop()
	if err := await(ctx, reference, "http://"+loopback(port)+"/readyz", isOK); err != nil {
		return result{}, err
	}
	d := newDuel(nodes)
	defer d.wires.close()
	ours, theirs := c.url+"/"+verb, "http://"+loopback(port)+"/"+verb
	answer, err := d.answer(ctx, ours)
	if err == nil {
		err = check(verb, nodes, answer)
	}
	if err != nil {
		return result{}, err
	}
	further := []string{"http://" + loopback(port) + "/nothing"}
	if verb == "filter" {
		further = append(further, "http://"+loopback(port)+"/same")
		if err := d.tell(ctx, "http://"+loopback(port)+"/answer", answer); err != nil {
			return result{}, err
		}
	}
	return d.run(ctx, ours, theirs, further, most)
}

// duel sends the same calls to several servers.
type duel struct {
	wires  wires
	body   []byte
	serial []int // where in body the pod's number stands
	calls  int   // so far
	nodes  int
}

func newDuel(nodes int) *duel {
	names := make([]string, nodes)
	for i := range names {
		names[i] = nodeName(i)
	}
	// kube-scheduler's order is not ours.
	rand.New(rand.NewPCG(1, 2)).Shuffle(nodes, func(i, j int) { names[i], names[j] = names[j], names[i] })
	d := &duel{nodes: nodes, wires: wires{}}
	d.body = []byte(`{"Pod":` + string(podJSON()) + `,"Nodes":null,"NodeNames":["` + strings.Join(names, `","`) + `"]}`)
	for at := 0; ; {
		i := bytes.Index(d.body[at:], []byte(podSerial))
		if i < 0 {
			return d
		}
		d.serial = append(d.serial, at+i)
		at += i + len(podSerial)
	}
}

// call posts the next pod.
func (d *duel) call(ctx context.Context, post caller, url string, out io.Writer) (seconds float64, err error) {
	d.calls++
	for _, at := range d.serial {
		copy(d.body[at:], fmt.Appendf(nil, "%0*d", len(podSerial), d.calls))
	}
	return post(ctx, url, d.body, out)
}

func (d *duel) answer(ctx context.Context, url string) ([]byte, error) {
	var out bytes.Buffer
	_, err := d.call(ctx, d.wires.post, url, &out)
	return out.Bytes(), err
}

func (d *duel) tell(ctx context.Context, url string, body []byte) error {
	_, err := d.wires.post(ctx, url, body, io.Discard)
	return err
}

// run compares the sides. The further ones are told among the details, and so is
// what a call takes after a rest.
func (d *duel) run(ctx context.Context, ours, reference string, further []string, most int) (result, error) {
	rounds := min(max(namesPerRow/max(d.nodes, 1), leastCalls), most)
	sides, err := d.turns(ctx, d.wires.post, rounds, 0, append([]string{ours, reference}, further...)...)
	if err != nil {
		return result{}, err
	}
	rested, err := d.turns(ctx, d.wires.post, min(rounds, restedCalls), rest, ours, reference)
	if err != nil {
		return result{}, err
	}
	client, err := d.turns(ctx, viaClient(), rounds, 0, ours, reference)
	if err != nil {
		return result{}, err
	}
	r := compare(median(sides[0].times), median(sides[1].times))
	r.details.add("calls", float64(rounds))
	r.details.add("request bytes", float64(len(d.body)))
	for i, name := range []string{"ours", "reference", "HTTP alone", "reference with our answer"}[:len(sides)] {
		r.details.add(name+" p50 ms", median(sides[i].times))
		r.details.add(name+" p99 ms", percentile(sides[i].times, 0.99))
		r.details.add(name+" answer bytes", float64(sides[i].size))
	}
	for i, name := range []string{"ours", "reference"} {
		r.details.add(fmt.Sprintf("%s after %v p50 ms", name, rest), median(rested[i].times))
		r.details.add(name+" by http.Client p50 ms", median(client[i].times))
	}
	return r, nil
}

// side is the calls to one URL.
type side struct {
	times []float64 // ms
	size  count     // of the last answer
}

// turns makes that many calls to each URL, each after a pause, and does not count
// the first few. The URLs take turns by volleys: were they called one by one, the
// faster side would rest for as long as the slower one works. On a machine that
// is shared, what has rested for milliseconds finds the caches full of others'
// data and is slower by as much as a whole call takes, whatever it is.
func (d *duel) turns(ctx context.Context, post caller, calls int, pause time.Duration, urls ...string) ([]side, error) {
	sides := make([]side, len(urls))
	some := min(volley, max(calls/4, 1))
	for begun := -some; begun < calls; begun += some { // the first volley warms up
		for i, url := range urls {
			s := &sides[i]
			for range some {
				time.Sleep(pause)
				s.size = 0
				took, err := d.call(ctx, post, url, &s.size)
				if err != nil {
					return nil, err
				}
				if begun >= 0 {
					s.times = append(s.times, took*1000)
				}
			}
		}
	}
	return sides, nil
}

// count counts what is written to it.
type count int

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}

// check verifies that a fast answer is a right one: only nodes that are covered
// pass, and at least one does.
func check(verb string, nodes int, answer []byte) error {
	if verb != "filter" {
		var list extenderv1.HostPriorityList
		if err := json.Unmarshal(answer, &list); err != nil || len(list) != nodes {
			return fmt.Errorf("want %d scores, got %d, %w", nodes, len(list), err)
		}
		return nil
	}
	var r extenderv1.ExtenderFilterResult
	if err := json.Unmarshal(answer, &r); err != nil {
		return err
	}
	if r.NodeNames == nil || len(*r.NodeNames) == 0 || r.Error != "" {
		return fmt.Errorf("no node fits: %.300s", answer)
	}
	for _, name := range *r.NodeNames {
		digits := strings.TrimPrefix(strings.TrimSuffix(name, ".example.com"), "node-")
		if i, err := strconv.Atoi(digits); err != nil || i%2 != 0 {
			return fmt.Errorf("node %s must not fit", name)
		}
	}
	return nil
}
