// Package masterapi reads what a Mesos master holds through its operator API,
// in JSON over plain HTTP: the tests' and the demo's view of the truth.
//
// It owns the decoding of GET_AGENTS into agents and reservations. It must not
// share code with the daemon's own client, which is under test.
package masterapi
