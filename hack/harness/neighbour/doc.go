// Package neighbour is a small Mesos framework that competes with the extender
// for agents: it takes some, refuses the rest, and lets go when told to.
//
// It owns one subscription in a role of its own, over the v1 scheduler API in
// JSON. It must not share code with the daemon's own client, and it never runs
// tasks: what it wants is reserved or held as offers.
package neighbour
