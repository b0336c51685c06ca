package node

// A Pod is one that is bound to the node, whether it runs yet or not.
type Pod struct {
	Namespace, Name, UID string
	// Images are the names of all images that it wants: of its containers of
	// every kind and of its image volumes.
	Images []string
	// Over is whether it has ended for good (Succeeded or Failed): it will start
	// no container any more.
	Over        bool
	Annotations map[string]string
}
