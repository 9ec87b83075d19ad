# Sourced by the others: `measure NAME COMMAND...` prints the minimum and median wall time of $runs runs and the largest
# resident set, and leaves the median in $median, in microseconds. The command's exit code and output do not matter.
measure() {
  local name=$1 times start
  shift
  times=$(
    for _ in $(seq "$runs"); do
      start=$(date +%s%N)
      "$@" > /dev/null 2>&1 || true
      echo $((($(date +%s%N) - start) / 1000))
    done | sort -n
  )
  median=$(sed -n "$((runs / 2 + 1))p" <<< "$times")
  awk -v name="$name" -v least="$(head -1 <<< "$times")" -v median="$median" \
    -v memory="$(/usr/bin/time -f '%M KB' "$@" 2>&1 > /dev/null | tail -1)" \
    'BEGIN { printf "%-28s min %7.1f ms   median %7.1f ms   %s\n", name, least / 1000, median / 1000, memory }'
}
