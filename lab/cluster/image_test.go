package cluster

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestAnImageHasItsProgramAndItsBallast(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!static\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	image, err := Image{Name: "localhost/x:1", Program: program, Args: []string{"log", "10"}, Ballast: 1000}.oci()
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{}
	for _, file := range image.Files {
		sizes[file.Name] = len(file.Data)
	}
	if image.Name != "localhost/x:1" || image.Entrypoint[0] != "/program" || image.Args[1] != "10" || sizes["program"] != 9 || sizes["ballast"] != 1000 {
		t.Errorf("%s starts %v %v, with %v", image.Name, image.Entrypoint, image.Args, sizes)
	}
	if bytes.Equal(ballast("a", 100), ballast("b", 100)) || !bytes.Equal(ballast("a", 100), ballast("a", 100)) {
		t.Error("ballast is not of its name alone")
	}
}
