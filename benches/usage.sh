#!/usr/bin/env bash
# The search of the deployed code beside `git grep -w` for the same names at the same revision, in turns.
#   benches/usage.sh                        generates a repository of 24,000 files
#   benches/usage.sh REPOSITORY COMMIT NAME...  a commit that drops something, and the names it takes away
# Prints the minimum and median wall time of several runs, their ratio and the largest resident set. Needs a release build.
set -euo pipefail
cd "$(dirname "$0")/.."
holdshort=${HOLDSHORT:-$PWD/target/release/holdshort}
runs=${RUNS:-9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com

generate() {
  python3 - "$work/repo" <<'PY'
import os, random, sys
random.seed(1)
root = sys.argv[1]
words = "order total customer invoice amount status created email address line price count state label owner value item batch".split()
kinds = {"rb": ("class {c}\n", "  def {a}_{b}(x)\n    {a}.{b}(x, {n})\n  end\n", "end\n"),
         "go": ("package {a}\n", "func {c}{n}(x int) int {{\n\treturn {a}(x) + {n} // {b}\n}}\n", ""),
         "ts": ("export class {c} {{\n", "  {a}{n}(x: number) {{ return this.{b}.get(x) }}\n", "}}\n"),
         "py": ("class {c}:\n", "    def {a}_{n}(self, x):\n        return self.{b}[x]\n", "")}
for i in range(24000):
    ext = random.choice(list(kinds))
    head, body, foot = kinds[ext]
    fill = lambda text: text.format(a=random.choice(words), b=random.choice(words), c=random.choice(words).title() + str(i), n=random.randrange(9999))
    path = f"{root}/src/{i % 97}/{i % 31}/file{i}.{ext}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(fill(head) + "".join(fill(body) for _ in range(random.randrange(20, 160))) + fill(foot))
os.makedirs(f"{root}/migrations")
open(f"{root}/migrations/0001_accounts.sql", "w").write("CREATE TABLE accounts (id bigint PRIMARY KEY, nick_name text);\n")
open(f"{root}/src/accounts.go", "w").write("package store\n\nconst find = `SELECT nick_name FROM accounts WHERE id = $1`\n")
PY
  git init -q -b main "$work/repo" && git -C "$work/repo" config gc.auto 0
  git -C "$work/repo" add . && git -C "$work/repo" commit -qm base
  echo 'ALTER TABLE accounts DROP COLUMN nick_name;' > "$work/repo/migrations/0002_drop.sql"
  git -C "$work/repo" add . && git -C "$work/repo" commit -qm head
  git -C "$work/repo" gc -q
}

if (($# > 0)); then
  repo=$1 commit=$2
  shift 2
  names=("$@")
else
  generate
  repo=$work/repo commit=HEAD names=(nick_name accounts)
fi
patterns=()
for name in "${names[@]}"; do patterns+=(-e "$name"); done
printf '%s files, names: %s\n' "$(git -C "$repo" ls-tree -r --name-only "$commit^" | wc -l)" "${names[*]}"

# Milliseconds of one run.
once() {
  local start
  start=$(date +%s%N)
  "$@" > /dev/null 2>&1 || true
  echo $((($(date +%s%N) - start) / 1000000))
}
grep_it=(git -C "$repo" grep -w "${patterns[@]}" "$commit^")
check_it=("$holdshort" check --base "$commit^" --head "$commit" "$repo")
once "${grep_it[@]}" > /dev/null
once "${check_it[@]}" > /dev/null
for _ in $(seq "$runs"); do
  once "${grep_it[@]}" >> "$work/grep"
  once "${check_it[@]}" >> "$work/check"
done
summary() { sort -n "$work/$1" | awk -v n="$1" '{t[NR]=$1} END {printf "%-6s min %6d ms   median %6d ms\n", n, t[1], t[int((NR+1)/2)]}'; }
summary grep
summary check
paste <(sort -n "$work/grep") <(sort -n "$work/check") | awk '{g[NR]=$1; c[NR]=$2} END {m=int((NR+1)/2); printf "holdshort check / git grep -w: %.2f (min), %.2f (median)\n", c[1]/g[1], c[m]/g[m]}'
/usr/bin/time -f 'largest resident set of holdshort check: %M KB' "${check_it[@]}" 2>&1 > /dev/null | tail -1 || true
