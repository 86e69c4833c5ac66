"""How guardrails reach services elsewhere: over the gateway's own sender, to the URLs that the configuration names."""

from collections.abc import Mapping

from headgate.core.errors import UpstreamFailed
from headgate.guardrails.remote.base import MAX_ANSWER
from headgate.guardrails.types import Post, Posted, Unavailable
from headgate.providers.endpoint import USER_AGENT, endpoint, fields, render
from headgate.transport.base import Outbound, Sender, exchange


def poster(sender: Sender) -> Post:
    """Return what posts by *sender*."""

    async def post(url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Posted:
        base, mark, query = url.partition("?")
        try:
            at = endpoint(base)
            lines = fields({"user-agent": USER_AGENT, "accept-encoding": "identity"}, headers)
        except ValueError as error:
            raise Unavailable(str(error)) from None
        head = render("POST", at, f"{mark}{query}", lines)
        out = Outbound(at.origin, head, body=body, connect_timeout=min(seconds, 5.0), headers_timeout=seconds)
        try:
            answer, said = await exchange(sender, out, MAX_ANSWER, seconds)
        except UpstreamFailed as error:
            raise Unavailable(f"{at.host}: {error.code}") from None
        return Posted(answer.status, said)

    return post
