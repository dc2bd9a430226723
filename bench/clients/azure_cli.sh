#!/bin/sh
# The Azure CLI: a cloud of its own, `az login` by certificate or by device code, then `az rest`.
set -u
say() { printf '["%s", "%s"]\n' "$1" "$(printf %s "$2" | tr '"\\\n' "'/ " | cut -c1-200)"; }
step() { name=$1; shift; if out=$("$@" 2>&1); then say "$name" ok; else say "$name" "$out"; fi; }
rest() { az rest --resource "$GRAPH" --method "$1" --url "$GRAPH/v1.0$2" ${3:+--body "$3" --headers Content-Type=application/json}; }
export AZURE_CORE_INSTANCE_DISCOVERY=false AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_ENCRYPT_TOKEN_CACHE=false
az cloud show -n demo >/dev/null 2>&1 || az cloud register -n demo --endpoint-resource-manager "$GRAPH/" >/dev/null 2>&1
az cloud set -n demo >/dev/null 2>&1
if [ "$1" = device ]; then
  az logout >/dev/null 2>&1
  # What it prints is read by whoever enters the code.
  if az login --use-device-code --tenant "$TENANT" --allow-no-subscriptions --output none 2>&1; then
    say "sign in" ok
  else
    say "sign in" "az login failed"
  fi
else
  step "sign in" az login --service-principal --username "$CLIENT" --certificate "$CERTIFICATE" --tenant "$TENANT" \
    --allow-no-subscriptions --output none
fi
phones=/users/$ADA/authentication/phoneMethods
mobile=$phones/3179e48a-750b-4051-897c-87b9720928f7
step list rest get '/users?$top=5'
step read rest get "/users/$ADA"
step add rest post "$phones" '{"phoneNumber": "+31 612345678", "phoneType": "mobile"}'
step change rest patch "$mobile" '{"phoneNumber": "+31 612345679"}'
step delete rest delete "$mobile"
step batch rest post '/$batch' '{"requests": [{"id": "1", "method": "GET", "url": "/users?$top=1"}]}'
step report rest get /reports/authenticationMethods/userRegistrationDetails
