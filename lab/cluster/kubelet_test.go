package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMergeIsAMergePatch(t *testing.T) {
	type m = map[string]any
	for name, test := range map[string]struct{ base, patch, want m }{
		"nothing changes nothing":         {m{"a": 1}, nil, m{"a": 1}},
		"a value replaces":                {m{"a": 1, "b": 2}, m{"a": 3}, m{"a": 3, "b": 2}},
		"maps are merged":                 {m{"a": m{"x": 1, "y": 2}}, m{"a": m{"y": 3}}, m{"a": m{"x": 1, "y": 3}}},
		"nil removes":                     {m{"a": 1, "b": m{"x": 1}}, m{"a": nil, "b": m{"x": nil}}, m{"b": m{}}},
		"lists are replaced":              {m{"a": []string{"x"}}, m{"a": []string{"y"}}, m{"a": []string{"y"}}},
		"a map replaces a value":          {m{"a": 1}, m{"a": m{"x": 1}}, m{"a": m{"x": 1}}},
		"an empty map stays one":          {m{}, m{"evictionHard": m{}}, m{"evictionHard": m{}}},
		"nil deep in what was not there":  {m{}, m{"a": m{"x": nil}}, m{"a": m{}}},
		"a value replaces a map entirely": {m{"a": m{"x": 1}}, m{"a": "off"}, m{"a": "off"}},
	} {
		before := merge(test.base, nil)
		if diff := cmp.Diff(test.want, merge(test.base, test.patch)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(before, test.base); diff != "" {
			t.Errorf("%s: the base has changed\n%s", name, diff)
		}
	}
}

func TestTheLabSetsNoThresholdOfItsOwn(t *testing.T) {
	c := &Cluster{ca: &authority{}}
	for key := range c.node(nodeState{Name: "n1", Number: 1, Layout: OneDisk}).base(KeyPair{}) {
		switch key {
		case "evictionHard", "evictionSoft", "evictionPressureTransitionPeriod", "imageGCHighThresholdPercent", "mergeDefaultEvictionSettings":
			t.Errorf("%s is set", key)
		}
	}
}
