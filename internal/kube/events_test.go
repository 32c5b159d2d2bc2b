package kube

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

// startEvents runs a recorder until stop is called.
func startEvents(t *testing.T, client kubernetes.Interface) (events *Events, logs *observer.ObservedLogs, stop func()) {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	events = NewEvents(client, "extender-0", zap.New(core), clock.RealClock{})
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- events.Run(ctx) }()
	synctest.Wait()
	return events, logs, func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	}
}

func sent(t *testing.T, client kubernetes.Interface) []eventsv1.Event {
	t.Helper()
	list, err := client.EventsV1().Events("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func TestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := kubetest.New().Client()
		events, _, stop := startEvents(t, client)
		defer stop()
		pod := newPod("a", "uid-a")
		pod.ResourceVersion = "7"
		events.Warn(pod, "ReservationRefused", "100% refused by Mesos"+strings.Repeat(".", 2000))
		synctest.Wait()
		got := sent(t, client)
		if len(got) != 1 {
			t.Fatalf("%d Events, want one", len(got))
		}
		want := corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: "default", Name: "a", UID: "uid-a"}
		if diff := cmp.Diff(want, got[0].Regarding); diff != "" {
			t.Errorf("regarding (-want +got):\n%s", diff)
		}
		if e := got[0]; e.Type != corev1.EventTypeWarning || e.Reason != "ReservationRefused" ||
			e.ReportingController == "" || e.ReportingInstance == "" || e.Action == "" || e.EventTime.IsZero() {
			t.Errorf("the kube-apiserver would refuse or misread %+v", e)
		}
		if note := got[0].Note; len(note) != maxNote || !strings.HasPrefix(note, "100% refused by Mesos.") {
			t.Errorf("note of %d bytes: %.40q", len(note), note)
		}
	})
}

func TestEventsAreNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		events, _, stop := startEvents(t, cluster.Client())
		defer stop()
		a, b := newPod("a", "uid-a"), newPod("b", "uid-b")
		for version := range 100 {
			a.ResourceVersion = string(rune('0' + version))
			events.Warn(a, "NoOffers", "no offers from the agent")
			synctest.Wait()
		}
		events.Warn(b, "NoOffers", "no offers from the agent")
		events.Normal(a, "Reserved", "resources reserved")
		synctest.Wait()
		if got := cluster.Calls("create", "events"); got != 3 {
			t.Errorf("%d Events were made for 102 reports, want 3", got)
		}
		pass(quiet)
		events.Warn(a, "NoOffers", "no offers from the agent")
		synctest.Wait()
		for _, event := range sent(t, cluster.Client()) {
			if event.Regarding.UID == "uid-a" && event.Reason == "NoOffers" && (event.Series == nil || event.Series.Count != 101) {
				t.Errorf("series = %+v after 101 occurrences", event.Series)
			}
		}
		if got := len(sent(t, cluster.Client())); got != 3 {
			t.Errorf("%d Events, want the repetition counted in the first", got)
		}
	})
}

func TestEventThatExpiredIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := kubetest.New().Client()
		events, _, stop := startEvents(t, client)
		defer stop()
		events.Normal(newPod("a", "uid-a"), "Reserved", "resources reserved")
		synctest.Wait()
		if err := client.EventsV1().Events("default").Delete(t.Context(), sent(t, client)[0].Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		events.Normal(newPod("a", "uid-a"), "Reserved", "resources reserved")
		synctest.Wait()
		if got := sent(t, client); len(got) != 1 || got[0].Series == nil || got[0].Series.Count != 2 {
			t.Errorf("Events = %+v, want the one that was made anew", got)
		}
	})
}

func TestEventsDoNotBlockWithoutAKubeAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		cluster.Fail("create", "events", -1, errLost)
		events, logs, stop := startEvents(t, cluster.Client())
		defer stop()
		began := time.Now()
		for i := range 5000 {
			events.Warn(newPod("a", strconv.Itoa(i)), "NoOffers", "no offers from the agent")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("reporting took %s", took)
		}
		synctest.Wait()
		if calls := cluster.Calls("create", "events"); calls == 0 || calls > 5000 {
			t.Errorf("%d calls for 5000 Events, want each tried at most once", calls)
		}
		if logs.Len() != 1 {
			t.Errorf("%d warnings, want one for the row of failures", logs.Len())
		}
	})
}
