package mesos

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"
)

func TestNewRefusesBadConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"no masters", "masters:", func(c *Config) { c.Masters = nil }},
		{"no scheme", "masters[0]", func(c *Config) { c.Masters[0] = "host:5050" }},
		{"other scheme", "masters[0]", func(c *Config) { c.Masters[0] = "zk://host:2181/mesos" }},
		{"no host", "masters[0]", func(c *Config) { c.Masters[0] = "http:///x" }},
		{"secret in the URL", "masters[0]", func(c *Config) { c.Masters[0] = "http://me:hunter2@host:1" }},
		{"no role", "framework.roles", func(c *Config) { c.Framework.Roles = nil }},
		{"role *", "framework.roles[1]", func(c *Config) { c.Framework.Roles = append(c.Framework.Roles, "*") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig("m1:5050")
			tt.change(&cfg)
			_, err := New(cfg, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v, want one that names %s", err, tt.want)
			}
		})
	}
}

func TestNewRefusesToRegisterTwice(t *testing.T) {
	reg := prometheus.NewRegistry()
	for i := range 2 {
		_, err := New(testConfig("m1:5050"), zap.NewNop(), reg, clock.RealClock{})
		if (err != nil) != (i == 1) {
			t.Errorf("client %d: %v", i, err)
		}
	}
}

func TestMasterURLs(t *testing.T) {
	for in, want := range map[string]string{
		"http://h:5050": "http://h:5050", "http://h:5050/": "http://h:5050", "https://h/mesos/": "https://h/mesos",
		"http://[::1]:5050": "http://[::1]:5050",
	} {
		if got, err := baseURL(in); got != want || err != nil {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
}

func TestCredentialsKeepTheirSecret(t *testing.T) {
	c := Credentials{Principal: "me", Secret: "hunter2"}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %v %s", c, c, c, c, &Config{Credentials: &c}, text)
	if strings.Contains(all, "hunter2") {
		t.Error(all)
	}
	if diff := cmp.Diff("me:(secret)", c.String()); diff != "" {
		t.Error(diff)
	}
}
