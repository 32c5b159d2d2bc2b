package mesossim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// abortStatus is the exit status of a process that ends in abort().
const abortStatus = 134

// firstPID is where the process IDs of emulated executors begin.
const firstPID = 2000

// masterRecovery is how long a restarted master with a replicated log answers
// 503.
const masterRecovery = 250 * time.Millisecond

// Sim is an emulated cluster.
type Sim struct {
	options Options
	flags   flags
	log     *zap.Logger
	cancel  context.CancelFunc
	done    sync.WaitGroup

	// mu guards everything below, and all of master and hosts.
	mu     sync.Mutex
	queue  *queue
	master *master // nil or stopped while no master runs
	hosts  map[string]*host
	order  []*host // as added
	server *http.Server
	addr   string // host:port, kept over restarts
	store  *store
	faults []*activeFault
	closed bool

	lastPID  uint32 // of an emulated executor
	sequence int    // numbers things in the order in which they come

	registry registry
}

// Start starts a master and its agents, and returns when all agents that start
// at once are registered. The cluster ends with ctx or Close.
func Start(ctx context.Context, options Options) (*Sim, error) {
	options = options.withDefaults()
	parsed, err := parseFlags(options.MasterFlags)
	if err != nil {
		return nil, err
	}
	if err := parsed.loadCredentials(options.Credentials); err != nil {
		return nil, err
	}
	kept, err := openStore(options.WorkDir)
	if err != nil {
		return nil, err
	}
	s := &Sim{
		options: options, flags: parsed, log: options.Logger, hosts: map[string]*host{},
		store: kept, addr: options.Addr, lastPID: firstPID,
	}
	s.queue = newQueue(&s.mu)
	if err := s.loadRegistry(); err != nil {
		return nil, errors.Join(err, s.store.close())
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.done.Go(func() { s.queue.run(ctx) })
	s.done.Go(func() {
		<-ctx.Done()
		s.KillMaster()
	})
	if err := s.startAll(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// startAll starts agents, then the master, then lets the agents register. Those
// of a former process take a moment to come back.
func (s *Sim) startAll() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.store.batch()()
	for _, spec := range s.options.Agents {
		if err := s.addHost(spec); err != nil {
			return err
		}
	}
	recovery := time.Duration(0)
	if s.store.recovered {
		recovery = masterRecovery
	}
	if err := s.startMaster(recovery); err != nil {
		return err
	}
	for _, h := range s.order {
		if !h.spec.StartsLater {
			h.start(recovery)
		}
	}
	return nil
}

// hostFor returns the agent with a hostname, nil if there is none.
func (s *Sim) hostFor(hostname string) *host { return s.hosts[hostname] }

// nextSeq numbers things in the order in which they come.
func (s *Sim) nextSeq() int {
	s.sequence++
	return s.sequence
}

// URL is the master's base URL, without a slash at the end.
func (s *Sim) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "http://" + s.addr
}

// Close ends the cluster; open streams break.
func (s *Sim) Close() error {
	s.KillMaster()
	s.cancel()
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.store.close()
}

// KillMaster ends the master's process as SIGKILL does: all connections break
// and its port closes. Agents run on.
func (s *Sim) KillMaster() {
	s.mu.Lock()
	s.stopMaster()
	s.mu.Unlock()
}

// stopMaster is KillMaster with mu held. Handlers that still run are not
// waited for: they find the master stopped.
func (s *Sim) stopMaster() {
	m := s.master
	if m == nil || m.stopped {
		return
	}
	m.stopped = true
	m.stopPings()
	for _, fw := range m.frameworks {
		if fw.stream != nil {
			fw.stream.abort()
		}
	}
	server := s.server
	s.server = nil
	if server == nil {
		return
	}
	if err := server.Close(); err != nil {
		s.log.Debug("close the listener", zap.Error(err))
	}
}

// StartMaster starts a master after KillMaster or a failed check. What its
// registry held is known again, and agents re-register after AgentReconnect.
func (s *Sim) StartMaster() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.startMasterAgain()
}

func (s *Sim) startMasterAgain() error {
	recovery := masterRecovery
	if !s.flags.persistent {
		recovery = 0
	}
	if err := s.startMaster(recovery); err != nil {
		return err
	}
	for _, h := range s.order {
		s.rejoin(h)
	}
	return nil
}

// rejoin lets a running agent find a master that was started after it.
func (s *Sim) rejoin(h *host) {
	if h.state == hostStopped {
		return
	}
	wait := s.options.AgentReconnect
	if wait <= 0 {
		wait = max(time.Until(h.missesPings), agentLatency)
	}
	h.later(wait, h.register)
}

// RestartMaster is KillMaster and, after downtime, StartMaster.
func (s *Sim) RestartMaster(downtime time.Duration) error {
	s.KillMaster()
	time.Sleep(downtime)
	return s.StartMaster()
}

// FailOver makes another master the leader at once: a new master ID at the
// same address, with the registry's contents.
func (s *Sim) FailOver() error { return s.RestartMaster(0) }

func (s *Sim) startMaster(recovery time.Duration) error {
	if s.master != nil && !s.master.stopped {
		return errors.New("the master already runs")
	}
	if s.closed {
		return errors.New("the cluster is closed")
	}
	listener, err := s.options.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.addr, err)
	}
	s.addr = listener.Addr().String()
	former := s.master
	s.master = newMaster(s, recovery)
	s.master.keepNeighbours(former)
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: zap.NewStdLog(s.log)}
	s.server = server
	s.done.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("serve", zap.Error(err))
		}
	})
	return nil
}

// checkFailed reports the failed CHECK of the master that just stopped.
func (s *Sim) checkFailed(message string) {
	if report := s.options.OnCheck; report != nil {
		s.queue.after(0, func() {
			s.mu.Unlock()
			defer s.mu.Lock()
			report(message)
		})
		return
	}
	fmt.Fprintf(os.Stderr, "mesossim: F master.cpp] %s\nmesossim: a real master dies of this call\n", message)
	os.Exit(abortStatus)
}
