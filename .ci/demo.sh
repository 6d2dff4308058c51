# To be sourced. Starts the demo of "$program" with its API, and sets "$demo", "$url" and "$key". Its output is in "$work/said". When the sourcing
# script ends, the demo ends and "$work" is removed.
mkfifo "$work/typed"
"$program" demo --fresh --api=127.0.0.1:0 <"$work/typed" >"$work/said" 2>&1 &
demo=$!
# Keeps the demo's input open while the script runs: the demo ends at the end of its input.
exec 3>"$work/typed"
trap 'exec 3>&-; wait "$demo" || true; rm -rf "$work"' EXIT

until grep -qs TWITCHY_API_KEY "$work/said"; do
    kill -0 "$demo" || { cat "$work/said"; exit 1; }
    sleep 0.1
done
url=$(grep -o 'TWITCHY_URL=[^ ]*' "$work/said" | cut -d= -f2-)
key=$(grep -o 'TWITCHY_API_KEY=[^ ]*' "$work/said" | cut -d= -f2-)
