"""A request of the contract suite, sent by msgraph-sdk's default client: its credential, address and middleware."""

import time

import httpx
from azure.core.credentials import AccessToken
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_http.middleware.options import ResponseHandlerOption, RetryHandlerOption
from msgraph import GraphServiceClient


class Issued:
    """A credential as azure-identity's are: it has the demo login's tokens, or the one that a test brings."""

    def __init__(self, login) -> None:
        self.login, self.brought = login, None

    def get_token(self, *_scopes, **_claims) -> AccessToken:
        return AccessToken(self.brought or self.login.issue_token(), int(time.time()) + 3600)


class Sent:
    """Sends through `GraphServiceClient(credentials=…)`; only what carries its bytes is another."""

    def __init__(self, login, transport: httpx.AsyncBaseTransport) -> None:
        self.credential = Issued(login)
        self.adapter = GraphServiceClient(credentials=self.credential).request_adapter
        self.adapter._http_client._transport.pipeline._transport = transport

    def address(self, where: str) -> str:
        """Return an address as the SDK's builders make it: their base ends in the slash that a path begins with."""
        return where if where.startswith("http") else self.adapter.base_url + where.removeprefix("/v1.0")

    async def __call__(
        self, plain: httpx.AsyncClient, method: str, url: str, token: str | None, **options
    ) -> httpx.Response:
        """Send what httpx would have sent; the answer is httpx's own."""
        self.credential.brought = token
        told = plain.build_request(method, url, **options)
        request = RequestInformation(Method(method), None)
        request.url = str(told.url)
        for name, value in told.headers.items():
            if name == "content-type" or name in {key.lower() for key in options.get("headers") or {}}:
                request.headers.add(name, value)
        if told.content:
            request.content = told.content
        handler = ResponseHandlerOption(NativeResponseHandler())
        # The suite looks at each answer: what the SDK would ask again is asked once.
        request.add_request_options([handler, RetryHandlerOption(should_retry=False)])
        return await self.adapter.send_no_response_content_async(request, {})
