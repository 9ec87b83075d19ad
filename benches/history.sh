#!/usr/bin/env bash
# One commit on a history of 350 migrations (1 MB of SQL): `holdshort check` beside squawk (PyPI: squawk-cli) on the same files.
# Prints the minimum and median of several runs in milliseconds, and the largest resident set. Needs a release build.
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/measure.sh
holdshort=${HOLDSHORT:-$PWD/target/release/holdshort}
runs=${RUNS:-15}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
git init -q -b main "$work/repo"
mkdir "$work/repo/migrations"
for n in $(seq 1 350); do
  file=$(printf '%s/repo/migrations/%06d_step.up.sql' "$work" "$n")
  for t in $(seq 1 6); do
    cat <<SQL
CREATE TABLE t_${n}_${t} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    title varchar(120) NOT NULL DEFAULT '',
    amount numeric(12, 2) CHECK (amount >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX t_${n}_${t}_account ON t_${n}_${t} (account_id, created_at);
ALTER TABLE t_${n}_${t} ADD CONSTRAINT t_${n}_${t}_title CHECK (length(title) < 100) NOT VALID;
COMMENT ON TABLE t_${n}_${t} IS 'one of many tables';
SQL
  done > "$file"
done
git -C "$work/repo" add . && git -C "$work/repo" commit -qm history
echo 'CREATE INDEX CONCURRENTLY t_1_1_title ON t_1_1 (title);' > "$work/repo/migrations/000351_step.up.sql"
git -C "$work/repo" add . && git -C "$work/repo" commit -qm change
printf 'history: %s files, %s bytes\n' "$(ls "$work/repo/migrations" | wc -l)" "$(cat "$work"/repo/migrations/*.sql | wc -c)"

measure 'holdshort --version' "$holdshort" --version
measure 'holdshort check' "$holdshort" check "$work/repo"
measure 'holdshort lint, all files' "$holdshort" lint "$work"/repo/migrations/*.sql
if command -v squawk > /dev/null; then
  measure 'squawk, all files' squawk "$work"/repo/migrations/*.sql
fi
