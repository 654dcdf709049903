#!/bin/sh
# Applies sql/migrations and sql/functions as `supportd migrate` does, with psql: for tests of the SQL alone.
#
#   sh tests/support/migrate.sh URL      URL of the role supportd_migrate
set -eu
url=$1
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
psql="psql -X -q -A -t -v ON_ERROR_STOP=1 $url"
PGOPTIONS='-c client_min_messages=warning'
export PGOPTIONS

known() {
    $psql -c 'set role supportd_owner' -c "select sha256 from support.schema_migrations where number = $1" 2>/dev/null || true
}

for file in "$root"/sql/migrations/[0-9]*.sql; do
    name=$(basename "$file" .sql)
    number=$(expr "${name%%_*}" + 0)
    sum=$(sha256sum "$file" | cut -d' ' -f1)
    have=$(known "$number")
    if [ -n "$have" ]; then
        [ "$have" = "$sum" ] || { echo "migration $name was changed after it had been applied" >&2; exit 1; }
        continue
    fi
    $psql >/dev/null <<SQL
begin;
set local role supportd_owner;
select pg_advisory_xact_lock(hashtext('supportd.migrate'));
\i $file
insert into support.schema_migrations (number, name, sha256) values ($number, '${name#*_}', '$sum');
commit;
SQL
done

sum=$(cat "$root"/sql/functions/[0-9]*.sql | sha256sum | cut -d' ' -f1)
[ "$(known 0)" = "$sum" ] && exit 0
{
    echo 'begin; set local role supportd_owner;'
    echo "select pg_advisory_xact_lock(hashtext('supportd.migrate'));"
    for file in "$root"/sql/functions/[0-9]*.sql; do
        echo "\\i $file"
    done
    echo "insert into support.schema_migrations (number, name, sha256) values (0, 'functions', '$sum')
          on conflict (number) do update set sha256 = excluded.sha256, applied_at = support.now();"
    echo 'commit;'
} | $psql >/dev/null
