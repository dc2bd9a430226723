#!/bin/sh
# CLI for Microsoft 365: `m365 login` by certificate, its own commands where it has one, else `m365 request`.
set -u
say() { printf '["%s", "%s"]\n' "$1" "$(printf %s "$2" | tr '"\\\n' "'/ " | cut -c1-200)"; }
step() { name=$1; shift; if out=$("$@" 2>&1); then say "$name" ok; else say "$name" "$out"; fi; }
export NODE_OPTIONS="--require $LEAD" CLIMICROSOFT365_NOUPDATE=1 HOME="$TMPDIR/m365"
mkdir -p "$HOME"
m365=$TMPDIR/node_modules/.bin/m365
graph=https://graph.microsoft.com/v1.0
ask() { "$m365" request --method "$1" --url "$graph$2" ${3:+--body "$3" --content-type application/json} --output json; }
phones=/users/$ADA/authentication/phoneMethods
mobile=$phones/3179e48a-750b-4051-897c-87b9720928f7
"$m365" logout >/dev/null 2>&1
step "sign in" "$m365" login --authType certificate --certificateFile "$CERTIFICATE" --appId "$CLIENT" --tenant "$TENANT"
step list "$m365" entra user list --properties id,displayName --output json
step read "$m365" entra user get --id "$ADA" --output json
step add ask post "$phones" '{"phoneNumber": "+31 612345678", "phoneType": "mobile"}'
step change ask patch "$mobile" '{"phoneNumber": "+31 612345679"}'
step delete ask delete "$mobile"
step batch ask post '/$batch' '{"requests": [{"id": "1", "method": "GET", "url": "/users?$top=1"}]}'
step report ask get /reports/authenticationMethods/userRegistrationDetails
