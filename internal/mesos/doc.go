// Package mesos is the framework's connection to a Mesos master: subscription,
// heartbeat watchdog, following the leader, calls, operation feedback and the
// few operator calls that recovery needs.
//
// It owns everything that depends on Mesos' wire types; nothing of mesos-go
// leaves it. It must not know pods, nodes or what a reservation is for.
//
// What holds here:
//   - Offers and calls that name offers belong to one subscription, numbered by
//     its generation. A call of an old generation is not sent.
//   - A failing call never ends the subscription; ERROR events, missed
//     heartbeats and the master's word that we are not subscribed do.
//   - Run never subscribes again after "Framework failed over" or "Framework has
//     been removed".
//   - Every message passes the guard just before the wire. No call that is known
//     to end a master can leave the process.
//
// Of mesos-go it uses the protos, their builders and codecs, and httpcli for
// the round trip (authentication, TLS). Its subscription state machine
// (httpsched), its RecordIO reader and its resource algebra are left aside for
// the defects that defects_test.go proves.
package mesos
