#!/usr/bin/env bash
# Follow lead.transitions with kcat and jq, where hotlead writes them as JSON (outputs: {format: json}): a line for each move of a contact.
#   bash transitions.sh                                  everything from the beginning, then what comes; Ctrl-C ends it
#   bash transitions.sh -e                               what is there now (any further options are kcat's)
#   bash transitions.sh | awk -F'\t' '$4 == "mql"'       every MQL, with its reasons
set -euo pipefail
kcat -C -q -b "${BOOTSTRAP:-localhost:9092}" -t "${TOPIC:-lead.transitions}" -X isolation.level=read_committed -o beginning -u -f '%s\n' "$@" |
    jq --unbuffered -r '[.contact_id, .seq, .from, .to, .kind // "-", ((.score * 10 | round) / 10), .owner // "-",
                         ([.reasons[] | "\(.rule) \(.points)"] | join(", "))] | @tsv'
