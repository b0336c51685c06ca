package remedy

import (
	"strings"
	"testing"
)

var dockerID = strings.Repeat("0123456789abcdef", 4)

func TestLogNames(t *testing.T) {
	docker := dockerLog(dockerID)
	for _, tc := range []struct {
		sentence string
		layout   logLayout
		name     string
		want     string // "", "live" or "rotated"
	}{
		{"a kubelet's live log is one", kubeletLog, "0.log", "live"},
		{"restarts count up", kubeletLog, "117.log", "live"},
		{"a rotated one has a time", kubeletLog, "0.log.20261123-040131", "rotated"},
		{"and may be compressed", kubeletLog, "0.log.20261123-040131.gz", "rotated"},
		{"the kubelet still writes a .tmp", kubeletLog, "0.log.20261123-040131.tmp", ""},
		{"logrotate's names are not the kubelet's", kubeletLog, "0.log.1", ""},
		{"a time has eight and six digits", kubeletLog, "0.log.20261123-0401311", ""},
		{"and a hyphen", kubeletLog, "0.log.20261123040131", ""},
		{"and digits only", kubeletLog, "0.log.2026112x-040131", ""},
		{"also without a fraction", kubeletLog, "0.log.20261123-040131.5", ""},
		{"a year has twelve months", kubeletLog, "0.log.20261301-040131", ""},
		{"a minute has sixty seconds", kubeletLog, "0.log.20261123-040160", ""},
		{"nothing comes after .gz", kubeletLog, "0.log.20261123-040131.gz.gz", ""},
		{"nothing comes before the number", kubeletLog, "x0.log", ""},
		{"a number there must be", kubeletLog, ".log", ""},
		{"no generic *.log", kubeletLog, "nginx.log", ""},
		{"the API server's audit log is none", kubeletLog, "audit.log", ""},
		{"nor is a rotated one", kubeletLog, "audit-2026-11-23T04-01-31.123.log", ""},
		{"nor a compressed one", kubeletLog, "audit-2026-11-23T04-01-31.123.log.gz", ""},
		{"a newline is not a digit", kubeletLog, "0.log.20261123-040131\n", ""},
		{"nor is a letter that looks like one", kubeletLog, "٣.log", ""},
		{"an empty name is none", kubeletLog, "", ""},

		{"Docker's live log bears its container's ID", docker, dockerID + "-json.log", "live"},
		{"a rotated one has a number", docker, dockerID + "-json.log.1", "rotated"},
		{"and may be compressed", docker, dockerID + "-json.log.12.gz", "rotated"},
		{"another container's ID is none", docker, strings.Repeat("f", 64) + "-json.log", ""},
		{"numbers start at 1", docker, dockerID + "-json.log.0", ""},
		{"a number there must be", docker, dockerID + "-json.log.", ""},
		{"also before .gz", docker, dockerID + "-json.log.gz", ""},
		{"also after the dot before .gz", docker, dockerID + "-json.log..gz", ""},
		{"configuration is no log", docker, "config.v2.json", ""},
		{"audit.log is none", docker, "audit.log", ""},
	} {
		got := ""
		if name, ok := tc.layout(tc.name); ok {
			got = map[bool]string{false: "live", true: "rotated"}[name.rotated]
		}
		if got != tc.want {
			t.Errorf("%s: %q is read as %q, want %q", tc.sentence, tc.name, got, tc.want)
		}
	}
}

func TestRotatedLogsHaveAnAge(t *testing.T) {
	docker := dockerLog(dockerID)
	for _, tc := range []struct {
		sentence     string
		layout       logLayout
		older, newer string
	}{
		{"a later second is newer", kubeletLog, "0.log.20261123-040131", "0.log.20261123-040132"},
		{"a later day is newer, compressed or not", kubeletLog, "0.log.20261123-235959", "0.log.20261124-000000.gz"},
		{"Docker's lower number is newer", docker, dockerID + "-json.log.2", dockerID + "-json.log.1"},
		{"by number, not by spelling", docker, dockerID + "-json.log.10.gz", dockerID + "-json.log.9.gz"},
	} {
		older, ok1 := tc.layout(tc.older)
		newer, ok2 := tc.layout(tc.newer)
		if !ok1 || !ok2 || older.age >= newer.age || older.live != newer.live {
			t.Errorf("%s: %+v, %+v", tc.sentence, older, newer)
		}
	}
}

func TestFolderNames(t *testing.T) {
	for name, want := range map[string]string{
		"shop_web-0_6f1f2d3c-0000-4000-8000-000000000001":               "shop",
		"kube-system_etcd-cp1.example_0123456789abcdef0123456789abcdef": "kube-system",
		"shop_web":                          "",
		"shop_web_1_2":                      "",
		"_web_1":                            "",
		"shop__1":                           "",
		"Shop_web_1":                        "",
		"shop_.._1":                         "",
		"shop_web_1\n":                      "",
		"shop_web_\xff":                     "",
		"..":                                "",
		"6f1f2d3c-0000-4000-8000-000000001": "",
	} {
		pod, ok := podFolder(name)
		got := pod.namespace
		if !ok {
			got = ""
		} else if pod.folder() != name {
			t.Errorf("podFolder(%q) is the folder %q", name, pod.folder())
		}
		if got != want {
			t.Errorf("podFolder(%q) = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{dockerID: true, dockerID[1:]: false, strings.ToUpper(dockerID): false, dockerID[:63] + "\n": false} {
		if got := dockerFolder(name); got != want {
			t.Errorf("dockerFolder(%q) = %v", name, got)
		}
	}
}

func FuzzLogNames(f *testing.F) {
	for _, seed := range []string{"0.log", "0.log.20261123-040131.gz", "audit.log", dockerID + "-json.log.1.gz", "\xff\n", "../0.log"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, layout := range []logLayout{kubeletLog, dockerLog(dockerID)} {
			if n, ok := layout(name); ok && (!strings.HasPrefix(name, n.live) || strings.Trim(name, "0123456789abcdefjson.lgz-") != "" || strings.Contains(name, "..")) {
				t.Errorf("%q is taken for a log of %q", name, n.live)
			}
		}
	})
}
