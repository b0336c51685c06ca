package kubelet

import "log/slog"

// Options say where to look, and in which order: at URL, at the kubelet that runs
// here (Proc), in ConfigFile, in LogFile, in AssumeFile.
type Options struct {
	// URL is a kubelet's, such as https://127.0.0.1:10250.
	URL string
	// TokenFile holds a bearer token. It is read for every request.
	TokenFile string
	// CAFile verifies the kubelet's certificate instead of the system's roots.
	CAFile string
	// CertFile and KeyFile are a client certificate, read for every request.
	CertFile, KeyFile string
	// InsecureSkipVerify takes any certificate for the kubelet's.
	InsecureSkipVerify bool
	// Proc is the host's procfs, in which the kubelet that runs is looked for:
	// its command line and the files that this names. Empty means not to look.
	Proc string
	// RootDir says which kubelet is meant where several run, by its --root-dir.
	RootDir string
	// ConfigFile is the KubeletConfiguration of the kubelet on this machine.
	ConfigFile string
	// LogFile is a text file with the kubelet's log, at any verbosity. Nobody else
	// may be able to write to it.
	LogFile string
	// AssumeFile is a KubeletConfiguration to assume where no kubelet is.
	AssumeFile string
	// Version is the kubelet's ("v1.29.4"), for when it does not tell: defaults
	// differ. Empty is taken for the newest.
	Version string
	// Logger hears when the outcome of reading changes. Nil is silent.
	Logger *slog.Logger
}
