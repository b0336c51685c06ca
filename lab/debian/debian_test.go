package debian

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestOnlyWhatIsNotHereIsMissing(t *testing.T) {
	missing := Missing(map[string]string{"sh": "dash", "no-such-program": "no-such-package", "nor-this": "another"})
	if !slices.Equal(missing, []string{"another", "no-such-package"}) {
		t.Errorf("missing is %v", missing)
	}
}

func TestWhereNothingCanBeInstalledItSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := Install(context.Background(), io.Discard, []string{"runc", "iproute2"})
	if err == nil || !strings.Contains(err.Error(), "runc iproute2") {
		t.Errorf("it says %v", err)
	}
	if err := Install(context.Background(), io.Discard, nil); err != nil {
		t.Errorf("nothing to install is an error: %v", err)
	}
}
