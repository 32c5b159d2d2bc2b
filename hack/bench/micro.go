package main

// microRows are the rows that need no control plane.
func microRows() []row {
	filterWork := "one filter call over HTTP, all nodes mapped, half of them covered, against an extender that decodes and encodes with encoding/json and does nothing"
	return []row{
		{"filter-500", filterWork + "; 500 names", "ms", bar{what: judgeRatio, most: 0.5}, calls("filter", 500)},
		{"filter-5000", filterWork + "; 5,000 names", "ms", bar{what: judgeRatio, most: 0.33}, calls("filter", 5000)},
		{"filter-100000", filterWork + "; 100,000 names", "ms", bar{what: judgeRatio, most: 0.33}, calls("filter", 100000)},
		{
			"prioritize-5000", "one prioritize call over HTTP with 5,000 names, likewise; the scheduler asks only about the few nodes that filter let pass",
			"ms", bar{what: judgeRatio, most: 0.33}, calls("prioritize", 5000),
		},
		{
			"ingest-100000", "a daemon subscribes and 100,000 agents are offered: from SUBSCRIBE until all are in the snapshot, against mesos-go decoding the same bytes",
			"ms", bar{what: judgeRatio, most: 1.5}, ingest(100_000),
		},
		{
			"memory-100000", "resident memory of the daemon that holds offers of 100,000 agents, which stand for 100,000 nodes: median of the minute after it is ready, with one reading of all agents",
			"MiB", bar{what: judgeOurs, most: 400}, holding(100_000),
		},
		{
			"steady", "CPU of the daemon while 100,000 agents churn: 1,000 offers a second are rescinded and made anew",
			"cores", bar{what: judgeOurs, most: 0.5}, churning(100_000, churnRate),
		},
	}
}
