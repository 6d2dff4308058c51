# Sourced: starts the demo of "$program" with its API in the folder "$work", and sets "$demo", "$url" and "$key". It ends with the script, and
# "$work" is removed.
mkfifo "$work/typed"
"$program" demo --fresh --api=127.0.0.1:0 <"$work/typed" >"$work/said" 2>&1 &
demo=$!
# Open as long as the script runs: the demo ends when nobody can type any more.
exec 3>"$work/typed"
trap 'exec 3>&-; wait "$demo" || true; rm -rf "$work"' EXIT

until grep -qs TWITCHY_API_KEY "$work/said"; do
    kill -0 "$demo" || { cat "$work/said"; exit 1; }
    sleep 0.1
done
url=$(grep -o 'TWITCHY_URL=[^ ]*' "$work/said" | cut -d= -f2-)
key=$(grep -o 'TWITCHY_API_KEY=[^ ]*' "$work/said" | cut -d= -f2-)
