// Package mesossim is an emulated Apache Mesos cluster: one master with its
// allocator, any number of agents, and the real v1 HTTP API in front of them.
//
// It owns the observable behaviour of a master as recorded in
// testdata/transcripts: status codes, error texts, events and their order,
// and delays. Frameworks that talk to it cannot tell it from a real one within
// the calls it knows, and the calls that end a real master (failed CHECKs) end
// this one too.
//
// The state of master and agents is one pure core behind one mutex. Everything
// that happens later (agents answering, filters expiring, allocation ticks) is
// an entry of one timer queue run by one goroutine, so that the emulator works
// under testing/synctest.
//
// It must not be imported by anything that the production daemon runs.
package mesossim
