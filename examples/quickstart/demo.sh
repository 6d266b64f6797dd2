#!/bin/sh
# Plan, apply, drift, repair, destroy, and vectors in a file: offline, against the emulator. Fails when anything is not as
# promised.
# RECONCILER is the command to use; `make demo` gives the one that it has just installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
reconciler=$(command -v "${RECONCILER:-reconciler}") || { echo "demo: there is no ${RECONCILER:-reconciler}" >&2; exit 1; }
case $reconciler in /*) ;; *) reconciler=$PWD/$reconciler ;; esac
python=$(dirname "$reconciler")/python
[ -x "$python" ] || python=python3

work=$(mktemp -d)
emulator=
finish() {
    status=$?
    trap - EXIT
    if [ -n "$emulator" ]; then kill "$emulator" 2>/dev/null && wait "$emulator" || true; fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n==> %s\n' "$1"; }
fail() {
    printf '\ndemo: %s\n' "$1" >&2
    exit 1
}

# expect CODE COMMAND…: show the command, run it, and insist on its exit code; what it said is kept in $work/said.
expect() {
    promised=$1
    shift
    printf '$ reconciler %s\n' "$*"
    code=0
    "$reconciler" "$@" >"$work/said" 2>&1 || code=$?
    cat "$work/said"
    [ "$code" -eq "$promised" ] || fail "expected exit code $promised, got $code"
}
says() { grep -q -e "$1" "$work/said" || fail "expected it to say: $1"; }

title "A copy of examples/quickstart, and a fake of the API to try it on: nothing leaves this machine"
cp "$here"/*.yaml "$work"
cp -R "$here/media" "$work/media"
cd "$work"
export TWELVELABS_API_KEY=demo NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
unset TWELVELABS_BASE_URL RECONCILER_STATE || true
"$reconciler" emulate --port 0 --db "$work/account.db" --key demo 2>"$work/emulator.log" &
emulator=$!
until grep -q '^Serving on ' "$work/emulator.log"; do
    kill -0 "$emulator" 2>/dev/null || { cat "$work/emulator.log" >&2; emulator=; fail "the emulator did not start"; }
    sleep 0.1 2>/dev/null || sleep 1
done
url=$(sed -n 's/^Serving on \([^ ]*\).*/\1/p' "$work/emulator.log")
printf 'Serving on %s\n' "$url"
export TWELVELABS_BASE_URL="$url"

title "plan: what is in the YAML and not in the account"
expect 0 plan
says '^Plan: 13 to create, 0 to update, 0 to replace, 0 to delete\.$'

title "apply: uploads, waits until each asset is ready, indexes them, makes the players"
expect 0 apply --auto-approve --poll-interval 1

title "plan again: nothing is left to do"
expect 0 plan --detailed-exitcode
says '^No changes\. quickstart is in sync\.$'

title "Somebody changes a value in the account by hand"
"$python" "$here/by_hand.py" "$url" final.mp4 league southern

title "drift: exit code 2, and what was changed"
expect 2 drift
says 'metadata\.league'

title "plan: how git puts it right"
expect 2 plan --detailed-exitcode
says '^Plan: 0 to create, 1 to update, 0 to replace, 0 to delete\.$'

title "apply: repaired"
expect 0 apply --auto-approve
expect 0 drift
says '^No drift\.'

title "destroy: everything that the stack has made, and nothing else"
expect 0 destroy --auto-approve
says '^Applied: 13 objects'
left=$("$python" "$here/by_hand.py" "$url")
[ "$left" = "0 assets, 0 indexes, 0 entity-collections" ] || fail "left in the account: $left"
printf 'In the account: %s\n' "$left"

title "What is made from media: another stack, with vectors of three videos and what one of them is about"
cp -R "$here/../embeddings-to-parquet" "$work/vectors"
cd "$work/vectors"
expect 0 apply --auto-approve --poll-interval 1
expect 0 results list
says '^embeddings/clips/final '
[ -s results/vectors/embeddings/clips/final.parquet ] || fail "no vectors in results/vectors/embeddings/clips/final.parquet"
ls -l results/vectors/embeddings/clips

title "plan again: what is made is made once, and paid for once"
expect 0 plan --detailed-exitcode
says '^No changes\. vectors is in sync\.$'

title "All of it as promised"
