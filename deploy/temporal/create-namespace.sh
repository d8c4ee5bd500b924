#!/bin/sh
# Creates the namespace if it is not there, with a retention that keeps finished runs readable for 90 days.
# Reads TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

tries=0
until temporal operator cluster health >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then
        echo "the server at $TEMPORAL_ADDRESS is not healthy after 60 tries" >&2
        exit 1
    fi
    sleep 2
done

temporal operator namespace describe "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --retention 90d "$TEMPORAL_NAMESPACE"
