package simtest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// changePrincipal makes two reservations on host-0 as another principal, and
// then starts the daemon as the usual one.
func changePrincipal(s *stage, change func(*config.Config)) (stays, ends *corev1.Pod) {
	s.restart("A1", func(cfg *config.Config) {
		cfg.Mesos.Framework.Principal, cfg.Mesos.Framework.FailoverTimeout = "former", seconds(2)
	})
	stays, ends = boundPod(s, "stays"), boundPod(s, "ends")
	s.crash()
	s.eventually("Mesos, which lets no framework change its principal, has removed it", func() bool {
		return len(s.sim.Books().Frameworks) == 0
	})
	s.restart("A2", change)
	return stays, ends
}

func TestScenario27FormerPrincipalLeftAlone(t *testing.T) {
	play(t, scene{idle: true}, func(s *stage) {
		stays, ends := changePrincipal(s, nil)
		s.expect(s.told("reservation of a former principal is left alone"), "it is warned about")
		s.remove(ends)
		s.always("neither is touched", time.Minute, func() bool { return s.holds("host-0", stays)() && s.holds("host-0", ends)() })
		s.expect(s.operations("UNRESERVE")+s.sent("UNRESERVE_RESOURCES") == 0, "no call was made for them")
		pod := boundPod(s, "fresh")
		s.remove(pod)
		s.eventually("those of our own principal are released", s.lacks("host-0", pod))
	})
}

func TestScenario27FormerPrincipalAdopted(t *testing.T) {
	adopt := func(cfg *config.Config) { cfg.Release.AdoptFormerPrincipals = true }
	play(t, scene{idle: true}, func(s *stage) {
		stays, ends := changePrincipal(s, adopt)
		s.eventually("our label makes them ours", func() bool { return s.metric(`reservations{state="bound"}`) == 2 })
		s.inject(mesossim.Fault{
			Kind: mesossim.FaultRefuseOperation, Call: "UNRESERVE", Count: -1,
			Body: "Not authorized to perform UNRESERVE by principal 'extender'",
		})
		s.inject(mesossim.Fault{Kind: mesossim.FaultError, Call: "UNRESERVE_RESOURCES", Status: http.StatusForbidden, Count: -1})
		s.remove(ends)
		s.eventually("the refusal is told", func() bool { return s.told("Not authorized to perform UNRESERVE") })
		time.Sleep(time.Minute)
		tries := s.operations("UNRESERVE") + s.sent("UNRESERVE_RESOURCES")
		s.expect(tries <= 20, "it backs off: %d tries in a minute", tries)
		s.sim.ClearFaults()
		time.Sleep(time.Minute)
		s.eventually("it is released once the ACL allows it", s.lacks("host-0", ends))
		s.expect(s.holds("host-0", stays)(), "the other one is kept")
	})
}

// foreignReservation has the operator reserve half a cpu of host-0 in our role
// in the name of a principal, with labels.
func foreignReservation(s *stage, principal string, labels map[string]string) {
	var list []any
	for _, key := range []string{clusterLabel, uidLabel} {
		if labels[key] != "" {
			list = append(list, map[string]any{"key": key, "value": labels[key]})
		}
	}
	s.operator("RESERVE_RESOURCES", "reserve_resources", map[string]any{
		"agent_id": value(s.agents()["host-0"].ID), "resources": []any{map[string]any{
			"type": "SCALAR", "name": "cpus", "scalar": map[string]any{"value": 0.5},
			"reservations": []any{map[string]any{
				"type": "DYNAMIC", "role": role, "principal": principal, "labels": map[string]any{"labels": list},
			}},
		}},
	})
}

func TestScenario28AnotherFrameworkSharesTheRole(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		foreignReservation(s, "extender", map[string]string{clusterLabel: "another", uidLabel: "uid-a"})
		foreignReservation(s, "somebody", map[string]string{uidLabel: "uid-a"})
		foreign := func() bool {
			sum := 0.0
			for _, r := range s.agents()["host-0"].OnDisk {
				if r.Labels[clusterLabel] != cluster {
					sum += r.Amounts["cpus"]
				}
			}
			return sum == 1
		}
		s.eventually("the foreign reservations are there", foreign)
		pod := s.pod("a", "3")
		s.fits(pod, "host-0")
		s.bind(pod, "host-0")
		tooBig := s.pod("b", "1")
		s.always("what others reserved is offered and not used", 5*time.Second, func() bool {
			fits, _ := s.filter(tooBig)
			return !slices.Contains(fits, "host-0")
		})
		s.remove(pod)
		s.eventually("our own is released", s.lacks("host-0", pod))
		s.always("the foreign ones are never touched", time.Minute, foreign)
		s.expect(s.told("another framework has reservations in a role of ours"), "it is warned about")
		s.expect(s.metric("agents_shared") == 1, "and counted")
	})
}

func TestScenario37ReserveInvalid(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.inject(mesossim.Fault{
			Kind: mesossim.FaultRefuseOperation, Call: "RESERVE", Count: -1,
			Body: "Not authorized to perform RESERVE by principal 'extender'",
		})
		err := s.startBind(pod, "host-0").wait()
		s.expect(err != nil && strings.Contains(err.Error(), "Not authorized"), "the bind says why: %v", err)
		s.eventually("an Event of the pod says so", func() bool { return slices.Contains(s.events(pod), "MesosReservationRefused") })
		s.always("the daemon does not try by itself", 20*time.Second, func() bool { return s.operations("RESERVE") == 1 })
		s.expect(s.posted() == 0, "there is no Binding")
	})
}

func TestScenario43QuotaBelowUse(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		running := s.pod("running", "3")
		s.fits(running, "host-0")
		s.bind(running, "host-0")
		s.operator("UPDATE_QUOTA", "update_quota", map[string]any{
			"force": true, "quota_configs": []any{map[string]any{
				"role": role, "limits": map[string]any{"cpus": map[string]any{"value": 2}},
			}},
		})
		fresh := s.pod("fresh", "1")
		nowhere := func() bool {
			fits, why := s.filter(fresh)
			return len(fits) == 0 && why["host-0"] != "" && why["host-1"] != ""
		}
		s.eventually("a new pod fits nowhere, for a reason", nowhere)
		s.always("it stays so", 20*time.Second, nowhere)
		s.expect(s.startBind(fresh, "host-1").wait() != nil, "its bind fails")
		s.always("the running pod keeps what it has", 20*time.Second, s.holds("host-0", running))
	})
}

func TestScenario44RoleAddedUnderLoad(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.done(s.sim.HangAgent("host-0"))
		s.startBind(pod, "host-0")
		s.eventually("the RESERVE is under way", func() bool { return s.operations("RESERVE") == 1 })
		s.crash() // a new configuration needs a restart
		s.done(s.sim.ContinueAgent("host-0"))
		s.restart("A2", func(cfg *config.Config) { cfg.Mesos.Roles = append(cfg.Mesos.Roles, "batch") })
		s.expect(slices.Contains(s.sim.Books().Frameworks[0].Roles, "batch"), "the framework has the new role")
		s.retry(pod, "host-0")
		s.expect(s.operations("RESERVE") == 1, "the bind in flight was resolved by its label")
	})
}

func TestScenario48RoundedUp(t *testing.T) {
	tests := map[string]struct {
		cpus, mem string
		want      mesossim.Amounts
	}{
		"half a thousandth of a cpu": {"0.0005", "64Mi", mesossim.Amounts{"cpus": 0.001, "mem": 64}},
		"one byte over":              {"1", "67108865", mesossim.Amounts{"cpus": 1, "mem": 65}},
		"exact":                      {"250m", "64Mi", mesossim.Amounts{"cpus": 0.25, "mem": 64}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, scene{}, func(s *stage) {
				pod := s.podWith("a", "uid-a", tt.cpus, tt.mem)
				s.fits(pod, "host-0")
				s.bind(pod, "host-0")
				held, _ := s.held("host-0", pod)
				for name, want := range tt.want {
					s.expect(held.Amounts[name] == want, "%s is %g, not %g", name, want, held.Amounts[name])
				}
			})
		})
	}
}
