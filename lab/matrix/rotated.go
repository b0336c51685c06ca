package main

// rotated is a container whose log the kubelet rotates as by default, at 10 MiB, on
// a node that was told to keep a hundred of the old ones: nobody removes them. All
// but the newest are compressed, to three quarters, as letters at random are, when the
// kubelet comes to it.
var rotated = fill{
	name:     "rotated",
	title:    "rotated logs",
	disk:     nodefs,
	unit:     inBytes,
	kubelet:  map[string]any{"containerLogMaxFiles": 100},
	offender: offend(1),
	run:      pour(0.9),
}
