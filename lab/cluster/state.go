package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// stateFile is in the lab's folder.
const stateFile = "lab.json"

// state is what a lab must know of itself in another process.
type state struct {
	Subnet   subnet      `json:"subnet"`
	Started  int         `json:"started"` // nodes so far: no name is used twice
	Nodes    []nodeState `json:"nodes"`
	Complete bool        `json:"complete"` // everything was started
}

func (c *Cluster) save() error {
	data, err := json.MarshalIndent(c.state, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(c.Dir, stateFile)
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (c *Cluster) load() error {
	path := filepath.Join(c.Dir, stateFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &c.state); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
