"""Log probabilities as the Completions API tells them, and as chat does: the neutral form has the latter."""

from typing import Any


def to_chat(native: Any) -> Any:
    """Return the chat form of a choice's ``logprobs``: a list of tokens, each with its alternatives."""
    if not isinstance(native, dict) or not isinstance(native.get("tokens"), list):
        return None
    tokens = native["tokens"]
    values, tops = _padded(native.get("token_logprobs"), tokens), _padded(native.get("top_logprobs"), tokens)
    content = []
    for token, value, top in zip(tokens, values, tops, strict=True):
        if not isinstance(token, str):
            return None
        others = [_entry(one, said) for one, said in top.items()] if isinstance(top, dict) else []
        content.append({**_entry(token, value), "top_logprobs": others})
    return {"content": content}


def _padded(values: Any, tokens: list[Any]) -> list[Any]:
    found = values if isinstance(values, list) else []
    return (found + [None] * len(tokens))[: len(tokens)]


def _entry(token: str, value: Any) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode("utf-8", "replace"))}


def to_completions(chat: Any, offset: int) -> dict[str, Any] | None:
    """Return the Completions form of what a chat choice has; *offset* is where its text begins, in characters."""
    content = chat.get("content") if isinstance(chat, dict) else None
    if not isinstance(content, list):
        return None
    tokens: list[str] = []
    values: list[Any] = []
    tops: list[dict[str, Any] | None] = []
    offsets: list[int] = []
    for one in content:
        if not isinstance(one, dict) or not isinstance(one.get("token"), str):
            continue
        tokens.append(one["token"])
        values.append(one.get("logprob"))
        others = one.get("top_logprobs")
        listed = [top for top in others if isinstance(top, dict)] if isinstance(others, list) else []
        tops.append({str(top.get("token")): top.get("logprob") for top in listed} or None)
        offsets.append(offset)
        offset += len(one["token"])
    return {"tokens": tokens, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}
