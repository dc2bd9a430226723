"""Why there is no token: the remedy names the cause, and an unknown cause gets no guess."""

from __future__ import annotations

import pytest

from authops.graph.answer import Request
from authops.graph.refusal import PROXY, TLS, refused, remedy
from authops.words.errors import GraphError, GraphUnreachable


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("700024", "clock"),
        ("7000112", "disabled"),
        ("53003", "Conditional Access"),
        ("65001", "consent"),
        ("700016", "client_id"),
        ("700027", "register this very certificate"),
        ("90002", "tenant_id"),
        ("7000218", "public client flows"),
        ("50076", "multifactor"),
        ("500011", "cloud"),
    ],
)
def test_a_code_gets_its_own_remedy_and_not_that_of_a_longer_or_shorter_one(code: str, says: str) -> None:
    error = refused(f"Authentication failed: AADSTS{code}: its own words. Trace ID: 1 Correlation ID: 2", "mine")
    assert says in error.remedy
    assert error.message == f"mine: Authentication failed: AADSTS{code}: its own words."
    for other in (f"{code}9", code[:-1]):
        assert says not in remedy(f"AADSTS{other}: words") or other == "50001"


@pytest.mark.parametrize("code", ["7000", "7", "999999", "70002"])
def test_a_code_that_is_not_known_gets_no_guess(code: str) -> None:
    assert remedy(f"AADSTS{code}: words") == (
        f"Entra's own words say why; login.microsoftonline.com/error?code={code} says more"
    )


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("HTTPSConnectionPool(...): Max retries exceeded (Caused by ProxyError('Unable to connect to proxy'))", PROXY),
        ("ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", TLS),
        ("Azure CLI not found on path", "install the Azure CLI"),
        ("Please run 'az login' to set up an account", "run az login"),
        ("ManagedIdentityCredential authentication unavailable, no response from the IMDS endpoint.", "no managed"),
        ("ManagedIdentityCredential authentication unavailable. The requested identity has not been assigned to this"
         " resource.", "assign that identity"),
        ("ValueError: WorkloadIdentityCredential authentication unavailable. Missing 'token_file_path'.", "workload"),
        ("Failed to open a browser", "device-code"),
        ("Timed out waiting for user to authenticate", "in time"),
        ("[Errno -2] Name or service not known", "DNS"),
        ("ConnectError: All connection attempts failed", "HTTPS_PROXY, NO_PROXY"),
    ],
)  # fmt: skip
def test_what_keeps_anybody_from_asking_entra_is_named(said: str, says: str) -> None:
    assert says in remedy(said)


def test_only_silence_is_called_no_answer() -> None:
    request = str(Request("GET", "/users"))
    assert "no answer" not in str(
        GraphError("the next page is on another host, so it was not asked for", request=request)
    )
    assert "no answer" in str(GraphUnreachable("ConnectError", request=request))
