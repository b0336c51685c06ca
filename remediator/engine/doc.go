// Package engine is the life of an episode: from a request that is durable to
// a verdict that was read from the node.
//
//	Waiting(reason) → Running → Over(outcome)
//
// Receive keeps what concerns this node and returns once the store has it. Run
// is one worker: about once a second it loads the cases, lets the gates speak,
// and applies at most one rung of one episode, the one furthest below its
// target. Every step is written down before and after, so that a program killed
// at any point finds on its next start which rung it was in, says that what
// this freed is unknown, and reads the node before it does anything else.
//
// Nothing is concluded from an alert but that it is worth looking: whether to
// act, when to stop and whether it helped are read from the node.
package engine
