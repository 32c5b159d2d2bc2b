package mesos

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

func TestRedirected(t *testing.T) {
	for _, tt := range []struct {
		name, base, location string
		want, wrong          string
	}{
		{name: "protocol-relative", base: "http://a:1", location: "//b:2/api/v1/scheduler", want: "http://b:2"},
		{name: "protocol-relative without path", base: "http://a:1", location: "//b:2", want: "http://b:2"},
		{name: "protocol-relative keeps https", base: "https://a:1", location: "//b:2/api/v1/scheduler", want: "https://b:2"},
		{name: "absolute", base: "http://a:1", location: "https://b:2/api/v1/scheduler", want: "https://b:2"},
		{name: "behind a proxy", base: "http://a:1/x", location: "http://b:2/mesos/api/v1/scheduler", want: "http://b:2/mesos"},
		{name: "IPv6", base: "http://a:1", location: "//[fd00::5]:5050/api/v1/scheduler", want: "http://[fd00::5]:5050"},
		{name: "leaves https", base: "https://a:1", location: "http://b:2/api/v1/scheduler", wrong: "leaves https"},
		{name: "empty", base: "http://a:1", location: "", wrong: "names no host"},
		{name: "no host", base: "http://a:1", location: "/api/v1/scheduler", wrong: "names no host"},
		{name: "other scheme", base: "http://a:1", location: "ftp://b:2/", wrong: "names no host"},
		{name: "garbage", base: "http://a:1", location: "://%zz", wrong: "location of the leader"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := redirected(tt.base, schedulerPath, tt.location)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("%q, error %v, want one with %q", got, err, tt.wrong)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// redirectTo makes a master that leads nothing.
func redirectTo(location string, only ...scheduler.Call_Type) func(http.ResponseWriter, *http.Request, *scheduler.Call) bool {
	return func(w http.ResponseWriter, _ *http.Request, call *scheduler.Call) bool {
		if len(only) > 0 && call.Type != only[0] {
			return false
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
}

// Every call follows the leader, and calls after SUBSCRIBE go straight to it
// (the library's G2).
func TestCallsFollowTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		follower := &fakeMaster{t: t, answer: redirectTo("//m2:5050/api/v1/scheduler")}
		leader := &fakeMaster{t: t}
		net.serve(t, "m1:5050", follower)
		net.serve(t, "m2:5050", leader)
		d := &diary{}
		c := newTestClient(t, testConfig("m1:5050"), &net)
		start(t, c, "", d)
		synctest.Wait()
		if err := c.Revive(t.Context(), []string{"k8s"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"SUBSCRIBE"}, follower.types()); diff != "" {
			t.Errorf("follower (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"SUBSCRIBE", "REVIVE"}, leader.types()); diff != "" {
			t.Errorf("leader (-want +got):\n%s", diff)
		}
		if d.subs[0].Master != "http://m2:5050" {
			t.Errorf("master %s", d.subs[0].Master)
		}
	})
}

// A call that meets a master which no longer leads is sent again to the one
// that does, which knows no subscription of ours.
func TestOrdinaryCallIsRedirected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		old := &fakeMaster{t: t, answer: redirectTo("//m2:5050/api/v1/scheduler", scheduler.Call_REVIVE)}
		leader := &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, call *scheduler.Call) bool {
			if call.Type == scheduler.Call_SUBSCRIBE {
				return false
			}
			http.Error(w, "Framework is not subscribed", http.StatusForbidden)
			return true
		}}
		net.serve(t, "m1:5050", old)
		net.serve(t, "m2:5050", leader)
		d := &diary{}
		c := newTestClient(t, testConfig("m1:5050", "m2:5050"), &net)
		start(t, c, "", d)
		synctest.Wait()
		if err := c.Revive(t.Context(), []string{"k8s"}); !errors.Is(err, ErrDisconnected) {
			t.Errorf("revive: %v", err)
		}
		if diff := cmp.Diff("REVIVE", leader.types()[0]); diff != "" {
			t.Error(diff)
		}
		synctest.Wait()
		if got := d.read(); len(got) < 2 || got[1] != "disconnected 1" {
			t.Errorf("events %v", got)
		}
	})
}

func TestRedirectLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		m := &fakeMaster{t: t, answer: redirectTo("//m1:5050/api/v1/scheduler", scheduler.Call_REVIVE)}
		net.serve(t, "m1:5050", m)
		c := newTestClient(t, testConfig("m1:5050"), &net)
		start(t, c, "", &diary{})
		synctest.Wait()
		err := c.Revive(t.Context(), []string{"k8s"})
		if err == nil || !strings.Contains(err.Error(), "redirects") || len(m.seen()) != 1+maxRedirects {
			t.Errorf("after %d calls: %v", len(m.seen()), err)
		}
	})
}

// After the leader dies the others are asked again, and the new one found.
func TestLeaderChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		second := &fakeMaster{t: t}
		first := &fakeMaster{t: t}
		stop := net.serve(t, "m1:5050", first)
		d := &diary{}
		start(t, newTestClient(t, testConfig("m1:5050", "m2:5050", "m3:5050"), &net), "", d)
		synctest.Wait()
		net.serve(t, "m2:5050", &fakeMaster{t: t, answer: redirectTo("//m4:5050/")})
		net.serve(t, "m4:5050", second)
		stop()
		synctest.Wait() // the next ones are tried at once
		if len(d.subs) != 2 || d.subs[1].Master != "http://m4:5050" {
			t.Fatalf("subscriptions %v", d.subs)
		}
		// The framework ID learnt first is kept.
		if id := second.seen()[0].call.GetFrameworkID().GetValue(); id != "framework-1" {
			t.Errorf("framework ID %q", id)
		}
	})
}

func TestCandidates(t *testing.T) {
	m := &masters{list: []string{"a", "b", "c"}}
	var got []string
	for range 4 {
		got = append(got, m.pick())
	}
	m.led("x")
	got = append(got, m.pick(), m.pick(), fmt.Sprint(m.candidates()))
	m.failed("b") // not the leader
	got = append(got, m.pick())
	m.ended("x", errNotSubscribed) // it answered, so it leads
	got = append(got, m.pick())
	m.ended("x", errStreamEnded)
	got = append(got, m.pick(), fmt.Sprint(m.candidates()))
	want := []string{"a", "b", "c", "a", "x", "x", "[x a b c]", "x", "x", "b", "[a b c]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
