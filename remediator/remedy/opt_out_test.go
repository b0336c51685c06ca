package remedy

import "testing"

func TestWhoHasOptedOut(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "True": true, "yes": true, "": true, "false": false} {
		if got := optsOut(map[string]string{optOutKey: value}); got != want {
			t.Errorf("%q opts out: %t", value, got)
		}
	}
	if optsOut(nil) || optsOut(map[string]string{"opt-out": "true"}) {
		t.Error("who says nothing has opted out")
	}
}
