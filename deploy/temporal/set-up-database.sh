#!/bin/sh
# Creates the two databases of the Temporal server, or brings their schemas up to date: safe to run at each start.
# Reads POSTGRES_SEEDS (the host), POSTGRES_USER and SQL_PASSWORD.
set -eu

sql() {
    database=$1
    shift
    temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p 5432 -u "$POSTGRES_USER" --db "$database" "$@"
}

prepare() {
    sql "$1" create
    # Leaves a schema that has a higher version as it is.
    sql "$1" setup-schema -v 0.0
    sql "$1" update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
