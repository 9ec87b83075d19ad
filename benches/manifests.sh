#!/usr/bin/env bash
# One commit on a directory of 5,000 manifests: `holdshort check`, beside `git grep` over the same tree, which only searches it.
# Prints the minimum and median of several runs in milliseconds, and the ratio. Needs a release build.
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/measure.sh
holdshort=${HOLDSHORT:-$PWD/target/release/holdshort}
runs=${RUNS:-9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
git init -q -b main "$work/repo"
python3 - "$work/repo/deploy" <<'PY'
import os, sys

root = sys.argv[1]
POD = "  template:\n    metadata: { labels: { app: %s } }\n    spec:\n      containers:\n        - name: app\n          image: registry.example.com/%s:1\n          env:\n" + "".join(
    f"            - {{ name: SETTING_{n}, value: \"{n}\" }}\n" for n in range(20))
KINDS = {
    "rollout": "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: %s }\nspec:\n  replicas: 20\n" + POD
    + "  strategy:\n    canary:\n      analysis: { templates: [{ templateName: %s-health }] }\n      steps:\n"
    + "".join(f"        - setWeight: {w}\n        - pause: {{ duration: 15m }}\n" for w in (5, 25, 50)),
    "analysis": "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: { name: %s-health }\nspec:\n  metrics:\n"
    "    - name: error-rate\n      interval: 1m\n      successCondition: result[0] < 0.01\n"
    "      provider: { prometheus: { query: 'sum(rate(errors_total[1m]))' } }\n",
    "deployment": "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: %s-worker }\nspec:\n  replicas: 3\n" + POD,
    "service": "apiVersion: v1\nkind: Service\nmetadata: { name: %s }\nspec: { ports: [{ port: 80 }] }\n",
    "config": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: %s }\ndata:\n" + "".join(f"  key_{n}: value\n" for n in range(40)),
}
for n in range(1000):
    name = f"service-{n}"
    os.makedirs(f"{root}/{name}")
    for kind, text in KINDS.items():
        with open(f"{root}/{name}/{kind}.yaml", "w") as file:
            file.write(text.replace("%s", name))
PY
git -C "$work/repo" add . && git -C "$work/repo" commit -qm manifests
sed -i 's/setWeight: 5$/setWeight: 50/' "$work/repo/deploy/service-1/rollout.yaml"
git -C "$work/repo" commit -qam change
printf 'manifests: %s files, %s bytes\n' "$(git -C "$work/repo" ls-files | wc -l)" "$(cat "$work"/repo/deploy/*/*.yaml | wc -c)"

# Milliseconds of each run, sorted.
measure 'git grep apiVersion' git -C "$work/repo" grep -c apiVersion HEAD
search=$median
"$holdshort" check --base HEAD^ --head HEAD "$work/repo" --format concise > "$work/out" || true
grep -q rollout/first-stage-too-large "$work/out" || { echo 'the change was not found' >&2; exit 1; }
measure 'holdshort check' "$holdshort" check --base HEAD^ --head HEAD "$work/repo" --format concise
printf 'check takes %s times as long as searching\n' "$((median / search))"
