#!/bin/sh
# Runs every fuzz target of the product for a time, one after the other, and says
# how long each ran: fuzz.sh [TIME [PATTERN]], such as fuzz.sh 10m 'journal|policy'.
# Targets start from the seeds in their tests and in testdata/fuzz; an input that
# one of them fails on is left there by go, and fails make test from then on.
set -u
cd "$(dirname "$0")/.." || exit 1
time=${1:-30s} pattern=${2:-.}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

targets=$(grep -rno --include='*_test.go' --exclude-dir=lab '^func Fuzz[A-Za-z0-9_]*' . |
	sed -E 's|^\./([^:]*/)?[^/:]*:[0-9]+:func (Fuzz.*)|./\1 \2|' | sort | grep -E "$pattern")
[ -n "$targets" ] || { echo "no fuzz target matches $pattern" >&2; exit 1; }

verdict=0
printf '%-40s %8s %14s\n' 'target' 'ran for' 'inputs'
while read -r package name; do
	# Without a limit go spends most of the time on making inputs that are only
	# interesting smaller: of 20 s for FuzzOpen, all but 85 inputs.
	if go test -fuzzminimizetime=10x -run='^$' -fuzz="^$name\$" -fuzztime="$time" "$package" >"$log" 2>&1; then
		last=$(sed -nE 's/^fuzz: elapsed: ([^,]*), execs: ([0-9]+).*/\1 \2/p' "$log" | tail -n 1)
		printf '%-40s %8s %14s\n' "${package#./}$name" "${last% *}" "${last#* }"
	else
		printf '%-40s failed:\n' "${package#./}$name"
		sed 's/^/    /' "$log"
		verdict=1
	fi
done <<EOF
$targets
EOF
exit $verdict
