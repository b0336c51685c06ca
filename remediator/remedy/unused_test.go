package remedy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// A watch is an UnusedImages whose machine runs as a test wants.
type watch struct {
	*UnusedImages
	*shop
	t   *testing.T
	now time.Duration
	id  string // of the machine's start
}

func newWatch(t *testing.T) *watch {
	w := &watch{shop: newShop(t), t: t, now: time.Hour, id: "boot 1"}
	w.UnusedImages = w.again(filepath.Join(t.TempDir(), "unused.json"))
	return w
}

// again is the program started again.
func (w *watch) again(path string) *UnusedImages {
	u := NewUnusedImages(path)
	u.clock = func() (time.Duration, error) { return w.now, nil }
	u.boot = func() (string, error) { return w.id, nil }
	return u
}

func (w *watch) look() {
	w.t.Helper()
	if err := w.Look(w.t.Context(), w.shop, w.shop); err != nil {
		w.t.Error(err)
	}
}

// age fails unless an image has been seen unused for so long; −1 is young.
func (w *watch) age(name string, want time.Duration) {
	w.t.Helper()
	since, ok := w.UnusedImages.Since(id(name))
	if ok != (want >= 0) {
		w.t.Errorf("%s: since %s, %t", name, since, ok)
	}
	if age := time.Since(since).Round(time.Minute); ok && age != want {
		w.t.Errorf("%s is %s old, want %s", name, age, want)
	}
}

func TestImagesAgeWhileNobodyUsesThem(t *testing.T) {
	w := newWatch(t)
	w.age("b:1", -1)
	w.look()
	w.age("b:1", 0)
	w.age("web:2", -1)
	w.now += 5 * time.Minute
	w.shop.images = append(w.shop.images, image("new:1", 1))
	w.look()
	w.age("b:1", 5*time.Minute)
	w.age("new:1", 0)
	w.now += 2 * time.Minute
	w.containers[0].ImageRefs = []string{id("b:1")} // and web:2 is still wanted by its pod
	w.look()
	w.age("b:1", -1)
	w.age("web:2", -1)
	w.age("a:1", 7*time.Minute)
	w.containers[0].ImageRefs = []string{id("web:2")}
	w.now += time.Minute
	w.look()
	w.age("b:1", 0)
	w.shop.images = w.shop.images[:2]
	w.look()
	w.age("a:1", -1)
	if n := len(w.known.Since); n != 0 {
		t.Errorf("remembers %d images that are gone", n)
	}
	w.shop.images = append(w.shop.images, image("a:1", 1))
	w.look()
	w.age("a:1", 0)
	w.now += time.Minute
	w.UnusedImages.Forget(id("a:1"))
	w.age("a:1", -1)
}

func TestAgesOutliveTheProgram(t *testing.T) {
	w := newWatch(t)
	w.look()
	w.now += 5 * time.Minute
	w.UnusedImages = w.again(w.path)
	w.age("b:1", -1) // until it has looked
	w.look()
	w.age("b:1", 5*time.Minute)
	if st, err := os.Stat(w.path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	w.UnusedImages = w.again("")
	w.look()
	w.age("b:1", 0)
}

func TestWhatCannotBeToldIsYoung(t *testing.T) {
	for sentence, set := range map[string]func(*watch) (complaint string){
		"the machine was started anew": func(w *watch) string { w.id = "boot 2"; return "" },
		"nobody has looked for long":   func(w *watch) string { w.now += 6 * time.Minute; return "" },
		"time went back":               func(w *watch) string { w.now -= 10 * time.Minute; return "" },
		"the file is gone":             func(w *watch) string { os.Remove(w.path); return "" },
		"the file is damaged":          func(w *watch) string { w.write(`{"boot":"boot 1","looked":1`); return "unexpected EOF" },
		"the file is another":          func(w *watch) string { w.write(`[]`); return "cannot unmarshal array" },
		"the file is from before time": func(w *watch) string {
			w.write(`{"boot":"boot 1","looked":3900000000000,"since":{"` + trimID(id("b:1")) + `":-9000000000000}}`)
			return ""
		},
		"the file is from the future": func(w *watch) string {
			w.write(`{"boot":"boot 1","looked":9900000000000,"since":{"` + trimID(id("b:1")) + `":1}}`)
			return ""
		},
		"others can write the file": func(w *watch) string { os.Chmod(w.path, 0o666); return "only this user" },
		"the file is a link": func(w *watch) string {
			os.Rename(w.path, w.path+".old")
			os.Symlink(w.path+".old", w.path)
			return "too many levels of symbolic links"
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWatch(t)
			w.look()
			w.now += 5 * time.Minute
			w.UnusedImages = w.again(w.path)
			want := set(w)
			err := w.Look(t.Context(), w.shop, w.shop)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), w.path)) {
				t.Errorf("error is %v, want %q", err, want)
			}
			w.age("b:1", 0)
			w.UnusedImages = w.again(w.path) // and the file is well again
			w.look()
			w.age("b:1", 0)
		})
	}
	w := newWatch(t)
	w.look()
	w.now += 11 * time.Minute
	w.age("b:1", -1) // the poller is stuck
}

func (w *watch) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestALookThatFailsChangesNothing(t *testing.T) {
	w := newWatch(t)
	w.look()
	w.now += time.Minute
	for _, call := range []string{"Images", "Pods", "Containers", "Sandboxes", "Image"} {
		w.fails[call] = errors.New("no " + call)
		if err := w.Look(t.Context(), w.shop, w.shop); err == nil || !strings.Contains(err.Error(), "no "+call) {
			t.Errorf("%s: %v", call, err)
		}
		delete(w.fails, call)
	}
	w.sandboxes[0].ImageRefs = nil
	if err := w.Look(t.Context(), w.shop, w.shop); err == nil || !strings.Contains(err.Error(), "cannot be told") {
		t.Error(err)
	}
	w.age("b:1", time.Minute)
}

func TestAFolderThatIsFullKeepsAgesInMemory(t *testing.T) {
	w := newWatch(t)
	w.UnusedImages = w.again(filepath.Join(t.TempDir(), "none", "unused.json"))
	for range 2 {
		if err := w.Look(t.Context(), w.shop, w.shop); err == nil || !strings.HasPrefix(err.Error(), w.path) {
			t.Error(err)
		}
		w.now += time.Minute
	}
	w.age("b:1", 2*time.Minute)
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	w := newWatch(t)
	w.shop.images = append(w.shop.images, runtime.Image{ID: strings.Repeat("x", 300), Tags: []string{"long"}})
	for i := range maxUnused + 10 {
		w.shop.images = append(w.shop.images, runtime.Image{ID: id(strings.Repeat("y", 1+i%30) + time.Duration(i).String())})
	}
	w.look()
	if n := len(w.known.Since); n != maxUnused {
		t.Errorf("remembers %d", n)
	}
	if st, err := os.Stat(w.path); err != nil || st.Size() > maxUnusedFile {
		t.Errorf("%v, %v", st.Size(), err)
	}
	w.UnusedImages = w.again(w.path)
	w.look()
	if n := len(w.known.Since); n != maxUnused {
		t.Errorf("remembers %d after a restart", n)
	}
}

// The clock that is used runs, and the machine has a name for its start.
func TestTimeSinceTheMachineStarted(t *testing.T) {
	one, err := sinceBoot()
	two, again := sinceBoot()
	if err != nil || again != nil || one <= 0 || two < one {
		t.Error(one, two, err, again)
	}
	if id, err := bootID(); err != nil || len(id) != 36 {
		t.Error(id, err)
	}
}
