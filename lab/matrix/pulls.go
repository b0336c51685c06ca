package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/registry"
)

// startRegistry starts the registry from which the node pulls, with the bystanders'
// image. It counts what is pulled.
func (s *stand) startRegistry(ctx context.Context) (err error) {
	dir := filepath.Join(s.dir, "registry")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if s.registry, err = registry.Serve(s.lab.cluster.Address(), dir); err != nil {
		return err
	}
	s.undo = append(s.undo, s.registry.Close)
	if err := s.node.Trust(s.registry.Host()); err != nil {
		return err
	}
	return s.serve(ctx, bystanderImage, 0)
}

// bystanderImage is pulled once, before the fill begins.
const bystanderImage = "app:1"

// serve puts an image with so much ballast into the registry.
func (s *stand) serve(ctx context.Context, name string, ballast int64) error {
	image, err := s.lab.cluster.Make(ctx, cluster.Image{Name: s.registry.Host() + "/" + name, Ballast: ballast})
	if err != nil {
		return err
	}
	return s.registry.Add(image)
}

// pulledAgain counts pulls of what had been pulled before.
func (s *stand) pulledAgain() (again int) {
	for _, count := range s.registry.Pulls() {
		again += max(count-1, 0)
	}
	return again
}
