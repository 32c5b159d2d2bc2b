package reservation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// fakeMaster records the calls. Its answers are nil unless a test sets others.
type fakeMaster struct {
	mu         sync.Mutex
	accepts    []mesos.Accept
	declined   [][]string
	acked      []mesos.OperationStatus
	asked      [][]mesos.OperationRef
	acceptErr  error
	declineErr error
	delay      time.Duration // of an answer to ACCEPT
}

func (f *fakeMaster) Accept(_ context.Context, a mesos.Accept) error {
	f.mu.Lock()
	f.accepts = append(f.accepts, a)
	err, delay := f.acceptErr, f.delay
	f.mu.Unlock()
	time.Sleep(delay)
	return err
}

func (f *fakeMaster) Decline(_ context.Context, _ uint64, ids []string, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.declined = append(f.declined, ids)
	return f.declineErr
}

func (f *fakeMaster) Acknowledge(_ context.Context, s mesos.OperationStatus) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acked = append(f.acked, s)
	return nil
}

func (f *fakeMaster) Reconcile(_ context.Context, refs []mesos.OperationRef) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, refs)
	return nil
}

// answers sets the errors of the calls to come.
func (f *fakeMaster) answers(acceptErr, declineErr error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acceptErr, f.declineErr = acceptErr, declineErr
}

func (f *fakeMaster) answersAfter(delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = delay
}

func (f *fakeMaster) sent() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.accepts)
}

func (f *fakeMaster) declines() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.declined)
}

func (f *fakeMaster) acknowledged() []mesos.OperationStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.acked)
}

func (f *fakeMaster) questions() [][]mesos.OperationRef {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// fakeOperator is the master's operator API.
type fakeOperator struct {
	mu           sync.Mutex
	agents       []mesos.Agent
	err          error
	reads        int
	unreserved   []resources.Portion
	unreserveErr error
	delay        time.Duration // of an answer to Agents, after the list was made
	pending      []mesos.Pending
	pendingErr   error
}

func (f *fakeOperator) Pending(context.Context) ([]mesos.Pending, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending, f.pendingErr
}

// waitsFor sets the operations that no agent has reported on.
func (f *fakeOperator) waitsFor(pending ...mesos.Pending) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending, f.pendingErr = pending, nil
}

func (f *fakeOperator) waitsForErr(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pendingErr = err
}

var errDown = errors.New("connection refused")

func (f *fakeOperator) Agents(context.Context) ([]mesos.Agent, error) {
	f.mu.Lock()
	f.reads++
	agents, err, delay := slices.Clone(f.agents), f.err, f.delay
	f.mu.Unlock()
	time.Sleep(delay)
	return agents, err
}

func (f *fakeOperator) UnreserveByOperator(_ context.Context, _ string, portions []resources.Portion) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unreserved = append(f.unreserved, portions...)
	return f.unreserveErr
}

func (f *fakeOperator) lists(agents ...mesos.Agent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.agents, f.err = agents, nil
}

func (f *fakeOperator) fails(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// refuses sets the error of the UNRESERVEs to come.
func (f *fakeOperator) refuses(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unreserveErr = err
}

func (f *fakeOperator) answersAfter(delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = delay
}

// undone returns what was unreserved so far.
func (f *fakeOperator) undone() []resources.Portion {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.unreserved)
}

func (f *fakeOperator) readings() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// fakePods is the API server's view of pods; one that is not in it is dead.
type fakePods struct {
	mu    sync.Mutex
	live  map[string]Liveness
	err   error
	asked int
}

func (f *fakePods) Liveness(_ context.Context, p Pod) (Liveness, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.live[p.UID], f.err
}

func (f *fakePods) set(uid string, l Liveness) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[uid] = l
}

func (f *fakePods) fails(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakePods) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}
