package product

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeheadroom/headroom/lab/oci"
)

// nobody is user and group of the image: whoever forgets to say so does not run it
// as root.
const nobody = "65534:65534"

// Image is a container image with nothing in it but a program, a static binary,
// which it starts.
func Image(name, program string) (oci.Image, error) {
	binary, err := os.ReadFile(program)
	if err != nil {
		return oci.Image{}, fmt.Errorf("image %s: %w", name, err)
	}
	base := filepath.Base(program)
	return oci.Image{
		Name: name, Entrypoint: []string{"/" + base}, User: nobody,
		Files: []oci.File{{Name: base, Mode: 0o755, Data: binary}},
	}, nil
}
