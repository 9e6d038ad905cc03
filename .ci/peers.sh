#!/usr/bin/env bash
# The built binary with real clients: the demo as a new user runs it, curl and h2load against it, a region killed
# under load, and an upgrade of the binary under load.
set -euo pipefail
binary=$(realpath "$1")
folder=$(mktemp -d)
cd "$folder"
demo='' ; serving=''
cleanup() { for pid in $demo $serving; do kill "$pid" 2>/dev/null || true; done; rm -rf "$folder"; }
trap cleanup EXIT

fail() { printf 'FAILED: %s\n' "$*"; tail -n 20 ./*.err 2>/dev/null || true; exit 1; }
ready() { for _ in $(seq 300); do curl -fsS "http://$1/readyz" >/dev/null 2>&1 && return; sleep 0.1; done; fail "nobody is ready on $1"; }
ask() { curl -sS --max-time 20 --cacert certs/ca.pem --connect-to ::127.0.0.1:8443 "$@"; }
ok() { printf 'ok: %s\n' "$*"; }

mkfifo orders
"$binary" demo <orders >demo.out 2>demo.err & demo=$!
exec 3>orders
ready 127.0.0.1:8900
[ "$(ask https://bot.contoso.test/x | grep -o '"region":"[a-z]*"')" = '"region":"westeurope"' ] || fail "the demo does not answer"
[ "$(ask -o /dev/null -w '%{http_version} %{http_code}' https://bot.contoso.test/)" = '2 200' ] || fail "no HTTP/2"
[ "$(ask --http1.1 -o /dev/null -w '%{http_version} %{http_code}' https://qna.contoso.test/)" = '1.1 200' ] || fail "no HTTP/1.1"
[ "$(curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: bot.contoso.test' http://127.0.0.1:8080/a)" = '301 https://bot.contoso.test/a' ] || fail "no redirect"
[ "$(curl -sS -k -o /dev/null -w '%{http_code}' --connect-to ::127.0.0.1:8443 -H 'Host: evil.test' https://bot.contoso.test/)" = 421 ] || fail "no 421"
ok "curl over HTTP/1.1 and HTTP/2, redirect, 421"

h2load -n 20000 -c 8 -m 8 --connect-to 127.0.0.1:8443 https://bot.contoso.test/load >load.out 2>&1 & load=$!
echo "kill westeurope" >&3
wait "$load" || true
grep -q '20000 succeeded, 0 failed' load.out && grep -q 'status codes: 20000 2xx' load.out || { cat load.out; fail "killing a region under load cost requests"; }
[ "$(ask https://bot.contoso.test/x | grep -o '"region":"[a-z]*"')" = '"region":"northeurope"' ] || fail "traffic did not move"
ok "a region killed under 20,000 HTTP/2 requests: none failed, traffic moved"
echo "revive westeurope" >&3
"$binary" region northeurope drain | grep -q 'drained' || fail "region"
"$binary" status | grep -q 'northeurope *drained' || fail "status"
sed -i 's/weight = 50/weight = 51/; s/sample_size = 3/sample_size = 4/' routes.toml
for _ in $(seq 50); do [ "$("$binary" history | grep -c file)" -ge 1 ] && break; sleep 0.1; done
"$binary" history | grep -q 'file' || fail "a saved file does not serve"
"$binary" rollback >/dev/null || fail "rollback"
"$binary" check routes.toml >/dev/null || fail "check"
"$binary" explain https://bot.contoso.test/x | grep -q 'bot-westeurope' || fail "explain"
ok "status, history, rollback, check, explain, region, hot file"
kill -TERM "$demo"; wait "$demo" || fail "the demo did not end well"; demo=''
exec 3>&-

# An upgrade of the binary under load: every connection is new, none is refused.
cat >edge.toml <<'T'
[edge]
http = ["127.0.0.1:18080"]
https = ["127.0.0.1:18443"]
admin = "127.0.0.1:18900"
access_log = "off"
drain_s = 10
[certificates.c]
domains = ["bot.test"]
self_signed = true
[origin_groups.g.origins.o]
host = "127.0.0.1"
http_port = 18001
[routes.r]
domains = ["bot.test"]
origin_group = "g"
forwarding_protocol = "http_only"
T
cat >origin.conf <<N
worker_processes 1; daemon off; pid $folder/n.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; server { listen 127.0.0.1:18001; location / { return 200 "origin"; } } }
N
nginx -c "$folder/origin.conf" -p "$folder" & serving=$!
"$binary" serve --config edge.toml 2>serve.err & old=$!
serving="$serving $old"
ready 127.0.0.1:18900
end=$((SECONDS + 8)); asked=0
( sleep 2; kill -QUIT "$old" ) &
while [ $SECONDS -lt $end ]; do
  [ "$(curl -sS -H 'Host: bot.test' http://127.0.0.1:18080/)" = origin ] || fail "a connection failed during the upgrade after $asked"
  asked=$((asked + 1))
done
wait "$old" || fail "the old process did not end with 0"
new=$(pgrep -f "$binary serve --config edge.toml --take-over" | head -n 1) || fail "there is no new process"
serving="${serving% *} $new"
ready 127.0.0.1:18900
ok "an upgrade under $asked new connections: none refused, the old process ended with 0"
kill -TERM "$new"
for _ in $(seq 100); do kill -0 "$new" 2>/dev/null || break; sleep 0.1; done
kill -0 "$new" 2>/dev/null && fail "the new process does not drain"
ok "SIGTERM ends it"
