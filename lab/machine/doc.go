// Package machine boots a small Debian with systemd, in a container, as root.
//
//	func TestMain(m *testing.M) { os.Exit(machine.Main(m.Run)) }
//
//	func TestX(t *testing.T) {
//		m := machine.New(t)
//		m.Write(t, "/etc/systemd/system/x.service", …)
//		m.Boot(t)
//		m.Run(t, "systemctl", "start", "x.service")
//	}
//
// Its root filesystem is Debian's, made once with debootstrap and kept in the cache
// of the third-party programs; a machine writes into memory above it. Its network
// is the test's. It ends with the test, and with the test binary however that
// ends: it lives in the folder, the namespaces and the cgroup of a lab of package
// cluster.
package machine
