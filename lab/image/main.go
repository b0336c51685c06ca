// Command image writes a container image with nothing in it but one static
// program, as an archive of an OCI layout, which podman load, ctr images import
// and skopeo copy oci-archive: take.
//
//	image -name ghcr.io/nodeheadroom/headroom-exporter:v1 -o exporter.tar bin/headroom-exporter
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/nodeheadroom/headroom/lab/product"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	name := flags.String("name", "", "the image's, with its tag")
	output := flags.String("o", "", "the archive")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *name == "" || *output == "" || flags.NArg() != 1 {
		return errors.New("give -name, -o and the program")
	}
	image, err := product.Image(*name, flags.Arg(0))
	if err != nil {
		return err
	}
	file, err := os.Create(*output)
	if err != nil {
		return err
	}
	if err := errors.Join(image.Write(file), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", *output, err)
	}
	fmt.Fprintf(stdout, "%s: %s\n", *output, *name)
	return nil
}
