package main

// clusterRows are the rows that need a real control plane.
func clusterRows() []row {
	const schedWork = "pods/s that kube-scheduler binds, 2,000 pods, the shipped configuration against the same scheduler with its defaults and without an extender, in turn on one control plane"
	return []row{
		{"sched-1000", schedWork + "; 1,000 nodes", "pods/s", bar{what: judgeRatio, least: 0.9}, sched(1000)},
		{"sched-5000", schedWork + "; 5,000 nodes", "pods/s", bar{what: judgeRatio, least: 0.9}, sched(5000)},
		{
			"needle", "5,000 nodes of which 10 have offers, the others' resources being reserved to another role: kube-scheduler's attempts until a pod is bound, the worst of several pods",
			"attempts", bar{what: judgeOurs, most: 1}, needle,
		},
		{
			"wake", "a pod is pending, no offer fits, one arrives: time until the pod is bound, p50; the reference is without the write that wakes the pod, cut off",
			"ms", bar{what: judgeOurs, most: 150, p99: 1000}, wake,
		},
		{
			"idle-to-bound", "no offers are held, a pod is created: time until it is bound, p50; the reference is a pod created while offers are held",
			"ms", bar{what: judgeExcess, most: 300}, idleToBound,
		},
		{
			"one-agent", "pods/s when 200 pods are bound to one agent of a master with an allocation interval of 1 s, against one ACCEPT for each pod and the next when the agent is offered again",
			"pods/s", bar{what: judgeRatio, least: 50}, oneAgent,
		},
		{
			"bind", "the daemon's own share of a bind, which is all but the time of Mesos' and the kube-apiserver's answers, p99 of 1,000 at 25 a second",
			"ms", bar{what: judgeOurs, most: 2}, bindShare,
		},
	}
}
