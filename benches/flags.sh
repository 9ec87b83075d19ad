#!/usr/bin/env bash
# 10,000 flags in one file of 5 MB, every second one edited: `holdshort check` beside `git diff` of the same two commits.
# Prints the minimum and median of several runs in milliseconds, and the largest resident set. Needs a release build.
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/measure.sh
holdshort=${HOLDSHORT:-$PWD/target/release/holdshort}
runs=${RUNS:-9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
git init -q -b main "$work/repo"
flags() {
  awk -v edited="$1" 'BEGIN {
    print "{\"flags\": {"
    for (n = 1; n <= 10000; n++) {
      variant = (edited && n % 2) ? "on" : "off"
      printf "\"flag-%d\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"%s\",\n", n, variant
      printf "  \"targeting\": {\"if\": [{\"in\": [\"@example.com\", {\"var\": [\"email\"]}]}, \"on\", {\"if\": [{\"==\": [{\"var\": \"country\"}, \"de\"]}, \"on\", \"off\"]}]},\n"
      printf "  \"metadata\": {\"note\": \"%0230d\"}}%s\n", n, n < 10000 ? "," : ""
    }
    print "}}"
  }' > "$work/repo/shop.flagd.json"
}
flags 0
git -C "$work/repo" add . && git -C "$work/repo" commit -qm base
flags 1
git -C "$work/repo" add . && git -C "$work/repo" commit -qm change
printf 'flags: %s bytes\n' "$(wc -c < "$work/repo/shop.flagd.json")"

measure 'holdshort check' "$holdshort" check --base HEAD^ --head HEAD "$work/repo"
measure 'git diff' git -C "$work/repo" diff HEAD^ HEAD
