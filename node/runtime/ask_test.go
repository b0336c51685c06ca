package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// listen makes a socket. Its folder's name is short: a socket's path has room for
// 107 bytes.
func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "runtime")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, "unix://" + path
}

// serve stands in for a runtime that speaks HTTP/2 without TLS or HTTP/1.1, to do
// what a real one will not on demand.
func serve(t *testing.T, handler http.HandlerFunc, protocols func(*http.Protocols)) string {
	t.Helper()
	l, endpoint := listen(t)
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	protocols(server.Protocols)
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return endpoint
}

func grpc(p *http.Protocols)  { p.SetUnencryptedHTTP2(true) }
func http1(p *http.Protocols) { p.SetHTTP1(true) }

// says answers a call with a body and trailers.
func says(body []byte, trailers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Write(body)
		for i := 0; i < len(trailers); i += 2 {
			w.Header().Set(http.TrailerPrefix+trailers[i], trailers[i+1])
		}
	}
}

// refuses answers a call with a header and nothing else.
func refuses(code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", code)
		w.Header().Set("Grpc-Message", message)
	}
}

func frame(message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRuntimeSaysWhereItsFilesAre(t *testing.T) {
	containerd := Filesystems{
		"/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs",
		"/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs",
	}
	for name, c := range map[string]struct {
		handler   http.HandlerFunc
		protocols func(*http.Protocols)
		want      Filesystems
	}{
		"containerd": {says(frame(recorded(t, "containerd-2.4.2.bin")), "Grpc-Status", "0"), grpc, containerd},
		"containerd before 1.6": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/runtime.v1alpha2.ImageService/ImageFsInfo" {
				refuses("12", "unknown service runtime.v1.ImageService")(w, r)
				return
			}
			says(frame(recorded(t, "containerd-2.4.2.bin")), "Grpc-Status", "0")(w, r)
		}, grpc, containerd},
		// Made after api.proto and CRI-O's source: no CRI-O was there to be asked.
		"CRI-O": {says(frame(response("/var/lib/containers/storage/overlay-images", "/var/lib/containers/storage/overlay-images")), "Grpc-Status", "0"), grpc,
			Filesystems{"/var/lib/containers/storage/overlay-images", "/var/lib/containers/storage/overlay-images"}},
		"CRI-O with a store for images": {says(frame(response("/mnt/images/overlay-images", "/var/lib/containers/storage/overlay-containers")), "Grpc-Status", "0"), grpc,
			Filesystems{"/mnt/images/overlay-images", "/var/lib/containers/storage/overlay-containers"}},
		"Docker": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.URL.Path == "/info" {
				io.WriteString(w, recorded(t, "docker-20.10.24.json"))
			}
		}, http1, Filesystems{"/var/lib/docker", "/var/lib/docker"}},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := serve(t, c.handler, c.protocols)
			for _, e := range []string{endpoint, strings.TrimPrefix(endpoint, "unix://")} {
				got, err := Ask(t.Context(), e)
				if err != nil || got != c.want {
					t.Errorf("%s: %+v, %v, want %+v", e, got, err, c.want)
				}
			}
		})
	}
}

// The call is as gRPC wants it, or real runtimes would not answer.
func TestCallIsOneEmptyMessage(t *testing.T) {
	var request, body string
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		body = string(data)
		request = strings.Join([]string{r.Proto, r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Te"), r.Header.Get("Accept-Encoding")}, " ")
		refuses("13", "seen")(w, r)
	}, grpc)
	if _, err := Ask(t.Context(), endpoint); err == nil || !strings.Contains(err.Error(), "seen") {
		t.Error(err)
	}
	if want := "HTTP/2.0 POST /runtime.v1.ImageService/ImageFsInfo application/grpc trailers "; request != want {
		t.Errorf("%q, want %q", request, want)
	}
	if body != "\x00\x00\x00\x00\x00" {
		t.Errorf("the body is %q", body)
	}
}

func TestAnswerThatIsNoneIsAnErrorThatSaysSo(t *testing.T) {
	ok := []string{"Grpc-Status", "0"}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"no, in the trailers":          {says(nil, "Grpc-Status", "2", "Grpc-Message", "disk%20is%20full%0Aand slow"), "gRPC status 2: disk is full\nand slow"},
		"no, in the header":            {refuses("14", "100%25 busy"), "gRPC status 14: 100% busy"},
		"no, in bytes that are none":   {refuses("14", "100% b%FFsy"), "gRPC status 14: 100% b"},
		"no such service":              {refuses("12", "unknown service"), "disabled_plugins"},
		"no status":                    {says(frame(response("/a", "/b"))), "without a gRPC status"},
		"yes, and nothing":             {says(nil, ok...), "0 bytes are no message"},
		"half a header":                {says([]byte("\x00\x00"), ok...), "2 bytes are no message"},
		"half a message":               {says(frame(response("/a", "/b"))[:8], ok...), "follow"},
		"two messages":                 {says(append(frame(response("/a", "/b")), frame("")...), ok...), "follow"},
		"a message of another length":  {says([]byte("\x00\xff\xff\xff\xffx"), ok...), "4294967295 bytes is announced, and 1 follow"},
		"a message that is compressed": {says([]byte("\x01\x00\x00\x00\x01x"), ok...), "compressed"},
		"an empty message":             {says(frame(""), ok...), "names no image filesystem"},
		"garbage":                      {says(frame("\xff\xff\xff garbage"), ok...), "not a protobuf message"},
		"a cut field":                  {says(frame("\x0a\x50abc"), ok...), "not a protobuf message: field 1"},
		"garbage for a filesystem":     {says(frame("\x0a\x02\xff\xff"), ok...), "not a protobuf message"},
		"a filesystem without a path":  {says(frame(response("", "/b")), ok...), `mountpoint "" is not an absolute path`},
		"a path that is not absolute":  {says(frame(response("images", "/b")), ok...), `mountpoint "images" is not`},
		"containers without a path":    {says(frame(response("/a", "")), ok...), `mountpoint "" is not an absolute path`},
		"more than there can be":       {says(frame(strings.Repeat("x", 2<<20)), ok...), "longer than"},
		"a web page":                   {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, `neither CRI (200 OK of type "text/html`},
		"not found":                    {http.NotFound, `neither CRI (404 Not Found`},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := serve(t, c.handler, grpc)
			got, err := Ask(t.Context(), endpoint)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), strings.TrimPrefix(endpoint, "unix://")) {
				t.Errorf("%+v, error is %v, want one with %q", got, err, c.want)
			}
		})
	}
}

func TestAnswerThatIsNotDockersIsAnErrorThatSaysSo(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"nothing":           {``, "EOF"},
		"a page":            {`<html>`, "invalid character"},
		"half an answer":    {`{"DockerRootDir":"/var`, "unexpected EOF"},
		"no root":           {`{"ID":"x"}`, "DockerRootDir is missing"},
		"a relative root":   {`{"DockerRootDir":"docker"}`, `DockerRootDir "docker" is not`},
		"a root of numbers": {`{"DockerRootDir":5}`, "cannot unmarshal number"},
		"without end":       {`{"x":"` + strings.Repeat("y", 2<<20) + `"}`, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, c.answer) }, http1)
			got, err := Ask(t.Context(), endpoint)
			if err == nil || !strings.Contains(err.Error(), "neither CRI (") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error is %v, want one with %q", got, err, c.want)
			}
		})
	}
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", http.StatusForbidden) }, http1)
	if _, err := Ask(t.Context(), endpoint); err == nil || !strings.Contains(err.Error(), "GET /info: 403 Forbidden") {
		t.Errorf("403: %v", err)
	}
}

func TestSocketThatCannotBeUsedIsAnErrorThatSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]string{
		"":                        `"" is not a Unix socket such as unix:///run`,
		"run/containerd.sock":     "is not a Unix socket",
		"unix://run/s":            "is not a Unix socket",
		"tcp://127.0.0.1:1":       "is not a Unix socket",
		"npipe:////./pipe/c":      "is not a Unix socket",
		"unix://" + dir + "/none": "is --runtime.endpoint right",
		"unix://" + file:          "nobody listens there",
	} {
		if got, err := Ask(t.Context(), endpoint); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, error is %v, want one with %q", endpoint, got, err, want)
		}
	}
}

func TestSocketThatIsRootsIsAnErrorThatSaysWhatToDo(t *testing.T) {
	err := explain(&net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", os.ErrPermission)})
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "run as root") || !strings.Contains(err.Error(), "--path.imagefs") {
		t.Error(err)
	}
}

// Whatever it is that does not come: the question ends with its context, and its
// connection with it.
func TestRuntimeThatHangsIsGivenUpAndNothingIsLeft(t *testing.T) {
	preface := make([]byte, 9) // of an HTTP/2 server: SETTINGS, of which there are none
	preface[3] = 4             // its type
	for name, c := range map[string]struct{ first []byte }{
		"it says nothing":           {nil},
		"it begins HTTP/2":          {preface},
		"it answers half of HTTP/1": {[]byte("HTTP/1.1 200")},
	} {
		t.Run(name, func(t *testing.T) {
			l, endpoint := listen(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			closed := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					closed <- err
					return
				}
				defer conn.Close()
				conn.Write(c.first)
				one := make([]byte, 1)
				_, err = conn.Read(one) // it has been asked
				cancel()
				if err == nil {
					_, err = io.Copy(io.Discard, conn) // until the other end closes it
				}
				closed <- err
			}()
			if got, err := Ask(ctx, endpoint); !errors.Is(err, context.Canceled) {
				t.Errorf("%+v, %v", got, err)
			}
			select {
			case <-closed:
			case <-time.After(time.Minute):
				t.Error("the connection is still open")
			}
		})
	}
}

func TestRuntimeThatHangsInItsAnswerIsGivenUp(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"before its header": func(http.ResponseWriter) {},
		"in its message":    func(w http.ResponseWriter) { w.Write(frame(response("/a", "/b"))[:8]) },
		"before its end":    func(w http.ResponseWriter) { w.Write(frame(response("/a", "/b"))) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			gone := make(chan struct{})
			endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/grpc")
				begin(w)
				w.(http.Flusher).Flush()
				cancel()
				<-r.Context().Done()
				close(gone)
			}, grpc)
			if got, err := Ask(ctx, endpoint); !errors.Is(err, context.Canceled) {
				t.Errorf("%+v, %v", got, err)
			}
			<-gone
		})
	}
}

func TestRuntimeThatStopsInTheMiddleIsAnError(t *testing.T) {
	l, endpoint := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.ReadAtLeast(conn, make([]byte, 1), 1)
			conn.Close()
		}
	}()
	if got, err := Ask(t.Context(), endpoint); err == nil {
		t.Errorf("%+v", got)
	}
}
