#!/bin/sh
# Says what this machine lacks for the targets of the Makefile, and what each
# lack costs. Ends with 1 if make build, test or demo cannot work at all.
set -u
cd "$(dirname "$0")/.." || exit 1

verdict=0
ok() { printf 'ok     %s\n' "$1"; }
lacks() { printf 'lacks  %s\n       %s\n' "$1" "$2"; }
fatal() { lacks "$1" "$2"; verdict=1; }
has() { command -v "$1" >/dev/null 2>&1; }

# newer A B: is version B at least A?
newer() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

if [ "$(uname -s)" = Linux ]; then
	ok "Linux $(uname -r)"
else
	fatal "Linux (this is $(uname -s))" 'nothing here runs elsewhere: nodes are Linux'
fi

wanted=$(awk '$1 == "go" { print $2 }' lab/go.mod)
if ! has go; then
	fatal "Go $wanted" 'nothing can be built: https://go.dev/dl/'
elif have=$(cd / && go env GOVERSION | sed 's/^go//') && newer "$wanted" "$have"; then
	ok "Go $have"
elif newer 1.21 "$have" && [ "$(go env GOTOOLCHAIN)" != local ]; then
	ok "Go $have, which will download $wanted by itself"
else
	fatal "Go $wanted (this is $have)" 'nothing can be built: https://go.dev/dl/'
fi

if has "${CC:-cc}" || has gcc; then
	ok 'a C compiler'
else
	fatal 'a C compiler' 'make test: the race detector needs cgo (apt-get install gcc libc6-dev)'
fi
has make && ok 'make' || fatal 'make' 'every target'
[ -x /usr/bin/python3 ] && ok '/usr/bin/python3' || fatal '/usr/bin/python3' 'make test: an example for exec is written in it (apt-get install python3-minimal)'
for shell in zsh fish; do
	has "$shell" && ok "$shell" || lacks "$shell" "make test: what it shows for tab is not looked at (apt-get install $shell)"
done
has git && ok 'git' || lacks 'git' 'make build: the programs will say that their version is unknown'

# The demo and many tests mount a small filesystem in namespaces of their own.
if [ "$(id -u)" = 0 ]; then
	flags=-mp
	who='root, and may mount'
	hint='make demo, and tests that fill a disk: this root may not mount (a container? give it CAP_SYS_ADMIN)'
else
	flags=-Urmp
	who='user, mount and PID namespaces without root'
	hint='make demo, and tests that fill a disk: be root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces)'
fi
if ! has unshare; then
	lacks 'unshare (util-linux)' 'doctor cannot tell whether namespaces work here; make demo will'
elif unshare $flags --fork sh -c 'mount -t tmpfs -o size=1m none /mnt && mount -t proc proc /proc' 2>/dev/null; then
	ok "$who"
else
	fatal 'a way to mount a small filesystem' "$hint"
fi
if [ "$(id -u)" != 0 ]; then
	lacks 'root' 'make demo shows a tmpfs instead of ext4; make bench leaves out what needs ext4 and says so'
elif [ ! -e /dev/loop-control ]; then
	lacks 'loop devices' 'make demo shows a tmpfs instead of ext4; make bench leaves out what needs ext4 and says so'
elif ! has mkfs.ext4; then
	lacks 'mkfs.ext4 (apt-get install e2fsprogs)' 'make demo shows a tmpfs instead of ext4; make bench leaves out what needs ext4 and says so'
else
	ok 'loop devices and mkfs.ext4'
fi

# The lab: a real control plane and real nodes.
if [ "$(id -u)" != 0 ]; then
	lacks 'root' 'make lab-up, make e2e: a node mounts, makes cgroups and networks'
elif [ ! -e /dev/loop-control ]; then
	lacks 'loop devices' 'make lab-up, make e2e: nodes have small disks of their own'
elif ! unshare -mn sh -c 'ip link add hrdoctor type bridge' 2>/dev/null && has ip; then
	lacks 'network bridges' 'make lab-up, make e2e: nodes hang on one (modprobe bridge veth)'
else
	ok 'root, loop devices and network namespaces for the lab'
fi
for kind in ext4 xfs overlay; do
	grep -qw "$kind" /proc/filesystems || modprobe "$kind" 2>/dev/null ||
		lacks "$kind in this kernel" 'make lab-up, make e2e: layouts with it'
done
missing=
for need in runc:runc ip:iproute2 mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs nsenter:util-linux mount:mount; do
	has "${need%%:*}" || [ -x "/usr/sbin/${need%%:*}" ] || missing="$missing ${need##*:}"
done
[ -x /usr/lib/cni/ptp ] || [ -x /opt/cni/bin/ptp ] || missing="$missing containernetworking-plugins"
if [ -z "$missing" ]; then
	ok 'runc, CNI plug-ins and the rest that the lab takes from the distribution'
elif [ "$(id -u)" = 0 ] && has apt-get; then
	ok "make lab will install ${missing# }"
else
	lacks "${missing# }" 'make lab-up, make e2e: install them (these are the names that Debian gives them)'
fi

has strace && ok 'strace' || lacks 'strace' 'make bench: no count of system calls'

# space DIR KIB WHAT [COST]: is there so much room below the nearest existing folder?
space() {
	dir=$1
	while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
	free=$(df -Pk "$dir" | awk 'NR == 2 { print $4 }')
	if [ "$free" -ge "$2" ]; then
		ok "$((free / 1024)) MiB free for $3 ($1)"
	else
		lacks "$(($2 / 1024)) MiB free for $3 ($1 has $((free / 1024)))" "${4:-make test, demo, bench: Prometheus and the rest cannot be built, unless they already are}"
	fi
}
if has go; then
	space "$(go env GOCACHE)" 2500000 'the build cache'
	space "${HEADROOM_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/headroom}" 900000 'third-party programs, Kubernetes among them'
	space "${HEADROOM_LAB_DIR:-/var/tmp}" 5000000 'the disks of a lab' 'make lab-up, make e2e: a node has 2 GiB a disk, sparse'
fi
memory=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
if [ "${memory:-0}" -ge 2000000 ]; then
	ok "$((memory / 1024)) MiB of memory available"
else
	lacks "2000 MiB of memory ($((${memory:-0} / 1024)) available)" 'linking Prometheus, and make bench, may swap or be killed'
fi
exit $verdict
