// Command lab runs the control plane of hack/lab for a developer's own hands:
//
//	lab build        build the control plane's binary and print its path
//	lab up [flags]   run a control plane until Ctrl-C and print its kubeconfig
//
// It holds no logic beyond flags.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

const usage = "usage: lab {build | up [-name NAME] [-nodes N] [-extender URL]}"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "build":
		binary, err := lab.Build(ctx, os.Stderr)
		if err == nil {
			fmt.Println(binary)
		}
		return err
	case "up":
		return up(ctx, args[1:])
	default:
		return fmt.Errorf("unknown command %q; %s", args[0], usage)
	}
}

// up starts everything and waits for the context's end.
func up(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	name := flags.String("name", "dev", "names the directory under .cache/run")
	nodes := flags.Int("nodes", 10, "fake nodes of 16 CPUs and 64 GiB")
	extender := flags.String("extender", "", "base URL of the scheduler extender, which serves the scheduler mesos-scheduler; without it a default scheduler runs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	scheduler := lab.SchedulerOptions{ExtenderURL: *extender}
	if *extender != "" {
		scheduler.Profile = "mesos-scheduler" // config.Default().SchedulerName
	}
	c, err := lab.Start(ctx, lab.Options{Name: *name, Progress: os.Stderr, KWOK: true, Scheduler: &scheduler})
	if err != nil {
		return err
	}
	defer c.Stop()
	if err := createNodes(ctx, c, *nodes); err != nil {
		return err
	}
	fmt.Printf("export KUBECONFIG=%s\n", c.AdminKubeconfig())
	fmt.Fprintf(os.Stderr, "%d nodes are ready, logs are in %s, Ctrl-C stops everything\n", *nodes, c.Dir())
	<-ctx.Done()
	return nil
}

func createNodes(ctx context.Context, c *lab.ControlPlane, count int) error {
	client, err := kubernetes.NewForConfig(c.RESTConfig())
	if err != nil {
		return err
	}
	specs := make([]lab.NodeSpec, count)
	for i := range specs {
		specs[i] = lab.NodeSpec{
			Name: fmt.Sprintf("node-%04d", i), Address: fmt.Sprintf("10.1.%d.%d", i/250, i%250+1),
			CPUMillis: 16_000, MemoryMiB: 64 << 10, EphemeralStorageMiB: 100 << 10,
		}
	}
	return lab.CreateNodes(ctx, client, specs)
}
