"""Why there is no token, and what to do about it: Entra's codes, and what keeps anybody from asking it.

Entra's own words are always kept; the table only says whose move it is. A code that is not in it gets no guess.
Source: learn.microsoft.com/entra/identity-platform/reference-error-codes, and login.microsoftonline.com/error?code=N.
"""

from __future__ import annotations

import re
from typing import Final

from authops.words.errors import SignInError

_TENANT: Final = "tenant_id: there is no such tenant in this cloud"
_CLIENT: Final = (
    "client_id: the application is not in this tenant; check both, and that an administrator added it there"
)
_CLOCK: Final = (
    "set this machine's clock right (authops doctor says how far it is off), or renew what signs the assertion"
)
_CERTIFICATE: Final = (
    "register this very certificate with the application, or name in certificate_path the one that is registered"
)
_CONSENT: Final = "an administrator has to consent to the application's permissions in this tenant"
_ACCESS: Final = "Conditional Access blocks this sign-in: ask who administers it, with the sign-in log's entry"
_DEVICE: Final = "Conditional Access wants a managed or compliant device: sign in from one"
_AGAIN: Final = "run it again and sign in"
_ACCOUNT: Final = "sign in with an account of this tenant"
_PUBLIC: Final = "in the app registration, under Authentication, allow public client flows; or use another credential"
_FEDERATED: Final = "the application's federated credential does not match: compare its issuer, subject and audience"
_MFA: Final = "this account has to pass multifactor authentication: run it again and complete the sign-in"
_CODES: Final = {
    "50001": "graph_url: this tenant does not know that Graph; check cloud",
    "50005": _DEVICE,
    "50011": "add the redirect address http://localhost for mobile and desktop applications to the app registration",
    "50020": _ACCOUNT,
    "50034": _ACCOUNT,
    "50053": "the account is locked, or the address is blocked: wait, or ask an administrator",
    "50055": "the password has expired: change it, then run it again",
    "50057": "the account is disabled: sign in with another, or ask an administrator",
    "50058": _AGAIN,
    "50059": _TENANT,
    "50072": _MFA,
    "50074": _MFA,
    "50076": _MFA,
    "50078": _MFA,
    "50079": _MFA,
    "50105": "the account is not assigned to the application: ask its owner for the assignment",
    "50126": "the user name or the password is wrong: " + _AGAIN,
    "50128": _TENANT,
    "50131": _ACCESS,
    "50158": _ACCESS,
    "50173": _AGAIN,
    "50194": "the application is for its own tenant only: use that tenant's id, or register it there",
    "53000": _DEVICE,
    "53001": _DEVICE,
    "53002": _ACCESS,
    "53003": _ACCESS,
    "53004": _MFA,
    "530003": _DEVICE,
    "530004": _DEVICE,
    "65001": _CONSENT,
    "65004": "the consent was declined: " + _AGAIN + ", or ask an administrator to consent",
    "65005": _CONSENT,
    "650052": "the tenant has no subscription to that service, or it is switched off",
    "650056": _CONSENT,
    "650057": "the application does not ask for that permission: add it to the app registration",
    "70000": "the sign-in was declined or its grant is used up: " + _AGAIN,
    "70008": _AGAIN,
    "70011": "graph_url: that scope does not exist; check cloud",
    "70018": _AGAIN,
    "70019": "nobody entered the code in time: " + _AGAIN,
    "70020": "nobody entered the code in time: " + _AGAIN,
    "70043": _AGAIN,
    "700003": _DEVICE,
    "700016": _CLIENT,
    "700021": "client_id: the assertion is another application's",
    "700023": "authority_url: the assertion is for another login; check cloud",
    "700024": _CLOCK,
    "700025": "this is a public client, which has no certificate: use device-code or browser, or another application",
    "700027": _CERTIFICATE,
    "700030": _CERTIFICATE,
    "700082": _AGAIN,
    "700084": _AGAIN,
    "7000112": "the application is disabled in this tenant: an administrator has to enable its service principal",
    "7000215": "the application refused the secret; this package signs in by certificate or identity",
    "7000216": "the application wants a certificate: use credential certificate",
    "7000218": _PUBLIC,
    "7000222": "what the application has registered has expired: register a new certificate",
    "7000229": _CLIENT,
    "700211": _FEDERATED,
    "700212": _FEDERATED,
    "700213": _FEDERATED,
    "90002": _TENANT,
    "90033": "Entra is not available for the moment: try again later",
    "90072": _ACCOUNT,
    "90094": _CONSENT,
    "90095": _CONSENT,
    "900023": _TENANT,
    "900971": "add the redirect address http://localhost for mobile and desktop applications to the app registration",
    "500011": "graph_url: this tenant does not know that Graph; check cloud",
    "500014": "Microsoft Graph is disabled in this tenant: an administrator has to enable its service principal",
    "1000502": "the certificate does not count today: check this machine's clock, then make and register a new one",
}
_UNTABLED: Final = "Entra's own words say why; login.microsoftonline.com/error?code={} says more"
PROXY: Final = "the proxy does not answer or refuses: check HTTPS_PROXY, and NO_PROXY for what needs none"
TLS: Final = (
    "nobody here vouches for the certificate that was shown, as where TLS is inspected: name your authority's"
    " certificates in ca_bundle of the connection"
)
_NETWORK: Final = (
    "check the network, the proxy (HTTPS_PROXY, NO_PROXY), and the addresses and ca_bundle of the connection"
)
# What azure-identity, requests, httpx and OpenSSL say; the first that fits counts.
_WORDS: Final = (
    (r"ProxyError|connect to proxy|Tunnel connection failed|Proxy Authentication", PROXY),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerification|certificate verify failed", TLS),
    (r"Azure CLI not found", "install the Azure CLI (az) for this account, or use another credential"),
    (r"az login|Failed to invoke the Azure CLI", "run az login as this account, with --tenant and the tenant's id"),
    (r"not been assigned|Identity not found", "client_id: assign that identity to this machine, or leave it out"),
    (
        r"ManagedIdentity|IMDS|managed identity",
        "this machine has no managed identity that answers: give it one, or use another credential",
    ),
    (
        r"WorkloadIdentity|token_file_path|AZURE_FEDERATED_TOKEN_FILE",
        "no workload identity here: its platform sets AZURE_FEDERATED_TOKEN_FILE; else use another credential",
    ),
    (r"open a browser|HTTP server on", "no browser can be opened here: use credential device-code"),
    (r"Timed out.*authenticate|expired_token|code_expired", "nobody signed in in time: " + _AGAIN),
    (r"declined|access_denied", "the sign-in was declined: " + _AGAIN),
    (r"invalid_tenant|authority configuration", _TENANT + "; check authority_url"),
    (r"resolve|getaddrinfo|Name or service not known", "the name is not known here: check the network, DNS and cloud"),
)  # fmt: skip


def refused(said: str, name: str = "") -> SignInError:
    """What to raise when there is no token; `said` are the words of whoever refused: code and text are kept."""
    words = said.partition("Trace ID")[0].strip()
    return SignInError(f"{name}: {words}" if name else words, remedy=remedy(words))


def remedy(said: str) -> str:
    """What to do, from Entra's code or from the words of a library."""
    code = re.search(r"AADSTS(\d+)", said)
    if code:
        return _CODES.get(code[1], _UNTABLED.format(code[1]))
    return next((told for shape, told in _WORDS if re.search(shape, said, re.IGNORECASE)), _NETWORK)
