package demand

import "testing"

func TestDemanded(t *testing.T) {
	pending := func(s *shop) { s.Pending("p1", testRole, amounts(2, 32)) }
	tests := map[string]struct {
		prepare func(*shop)
		want    bool
	}{
		"nothing pending": {func(*shop) {}, false},
		"pod pending":     {pending, true},
		"pod settled":     {func(s *shop) { pending(s); s.Settled("p1") }, false},
		"not subscribed":  {func(s *shop) { pending(s); s.Connection(false) }, false},
		"role not ours":   {func(s *shop) { s.Pending("p1", "stranger", amounts(2, 32)) }, false},
		"not tried for long": {func(s *shop) {
			pending(s)
			s.wait(interest * testOptions.MaxHold)
		}, false},
		"tried again": {func(s *shop) {
			pending(s)
			s.wait(interest * testOptions.MaxHold)
			s.Refused(Pod{UID: "p1", Role: testRole, Need: amounts(2, 32)})
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inShop(t, nil, func(t *testing.T, s *shop) {
				tt.prepare(s)
				if got := s.Demanded(); got != tt.want {
					t.Errorf("demanded: %t, want %t", got, tt.want)
				}
			})
		})
	}
}
