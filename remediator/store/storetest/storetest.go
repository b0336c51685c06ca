// Package storetest says what a store of cases must do, in tests that every
// store passes.
package storetest

import (
	"context"
	"testing"

	"github.com/nodeheadroom/headroom"
)

// A Store is where requests, cases and their control live. It is what the engine asks for; its
// documentation is there.
type Store interface {
	Request(ctx context.Context, rs []headroom.Request) error
	Load(ctx context.Context) ([]headroom.Case, error)
	Save(ctx context.Context, c *headroom.Case) error
	Control(ctx context.Context) (headroom.Control, error)
	SaveControl(ctx context.Context, c *headroom.Control) error
	Close() error
}

// Run runs every test. Open opens a store for a test: an empty one the first
// time it is called in that test (t.Name() tells them apart), and, after that one
// was closed, the same again.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for sentence, test := range map[string]func(*testing.T, func(*testing.T) Store){
		"a new store is empty":                                 empty,
		"a request without a case yields an empty case":        requestAlone,
		"the newest request replaces the one before":           newestRequest,
		"an alert and a person take not each other's place":    requestsApart,
		"the later of two requests in one call stays":          newestInCall,
		"no requests are no error":                             noRequests,
		"everything in a request comes back":                   requestRoundTrip,
		"everything in a case comes back":                      caseRoundTrip,
		"a saved case is joined with its newest request":       joined,
		"a request after a save keeps the case":                requestKeepsCase,
		"a save ignores the case's request":                    saveIgnoresRequest,
		"each save sets another version":                       versions,
		"a save over another version conflicts":                conflict,
		"a first save over an existing case conflicts":         firstSaveConflict,
		"a save with a version of an unknown case conflicts":   unknownVersion,
		"of two writers one wins and the other looks again":    twoWriters,
		"what was loaded belongs to the caller":                loadedIsOwn,
		"ten episodes are kept":                                tenEpisodes,
		"eleven episodes are refused":                          elevenEpisodes,
		"all of it outlives the store's closing":               reopen,
		"many nodes do not mix":                                manyNodes,
		"many callers at once lose nothing":                    manyCallers,
		"a request too big is refused and changes nothing":     bigRequest,
		"a case too big is refused and changes nothing":        bigCase,
		"a request without a node is refused, with all others": nameless,
		"a control that was never saved is empty":              noControl,
		"everything in a control comes back":                   controlRoundTrip,
		"a control is replaced as a whole":                     controlReplaced,
		"a control saved over another version conflicts":       controlConflict,
		"of two writers of the control one looks again":        twoControlWriters,
		"a control that was loaded belongs to the caller":      controlIsOwn,
		"the control and the cases do not mix":                 controlAndCases,
		"a control outlives the store's closing":               controlReopened,
		"a control too big is refused and changes nothing":     bigControl,
		"a context that has ended is an error":                 ended,
		"a closed store refuses":                               closed,
	} {
		t.Run(sentence, func(t *testing.T) { test(t, open) })
	}
}
