package app

import "github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"

// Offers is the state of the offers, for tests that look into it.
func (a *App) Offers() *offercache.Cache { return a.cache }
