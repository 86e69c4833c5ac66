"""The words of Gemini's generateContent that stand for ours, <https://ai.google.dev/api/generate-content>."""

from headgate.core.chat import Finish, Message, Part, Request, Thinking
from headgate.dialects.contract import IGNORE, Rule, Rules

NAME = "gemini"

FINISH: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "LANGUAGE": "error",
    "OTHER": "error",
    "IMAGE_OTHER": "error",
    "NO_IMAGE": "error",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""``finishReason`` to ours; a call of a tool ends with ``STOP`` too, and any other word means ``stop``."""

NUMBERS = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
"""What the numbers mean that Vertex gives for ``finishReason`` where a client asked for ``enum-encoding=int``."""

REASONS: dict[str | None, str] = {
    None: "STOP",
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "error": "OTHER",
}

# fmt: off
FIELDS = frozenset({
    "model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig",
    "cachedContent", "labels", "store", "serviceTier", "modelArmorConfig",
})
"""Every field that a request can have."""
# fmt: on

CONFIG = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "seed": "seed",
    "n": "candidateCount",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
"""Neutral field to that of ``generationConfig``, where one value stands for one value."""

SPELLINGS = {
    **{neutral: f"generationConfig.{ours}" for neutral, ours in CONFIG.items()},
    "format": "generationConfig.responseJsonSchema",
    "format.schema": "generationConfig.responseJsonSchema",
    "effort": "generationConfig.thinkingConfig.thinkingLevel",
    "thinking": "generationConfig.thinkingConfig.thinkingBudget",
    "thinking_budget": "generationConfig.thinkingConfig.thinkingBudget",
    "thoughts": "generationConfig.thinkingConfig.includeThoughts",
    "tool_choice": "toolConfig.functionCallingConfig",
    "service_tier": "serviceTier",
    "messages": "contents",
    "parts.arguments": "functionCall.args",
    "parts.is_error": "functionResponse.response.error",
    "parts.image_url": "fileData.fileUri",
    "parts.file_url": "fileData.fileUri",
    "parts.file_id": "fileData.fileUri",
    "parts.file": "inlineData.data",
    "parts.image": "inlineData.data",
    "parts.audio": "inlineData.data",
}
"""Neutral field to ours, where they differ; of a row of parts, below the part."""

ABROAD: Rules = {
    "safetySettings": Rule("refuse", fix="Let a guardrail of the gateway check the text"),
    "cachedContent": Rule("refuse", fix="Send what is cached with the request"),
    "labels": IGNORE,
    "part.mediaResolution": IGNORE,
    "part.partMetadata": IGNORE,
    "part.inlineData": IGNORE,  # a name for people
    "part.fileData": IGNORE,
    "tools.behavior": Rule("refuse", ("BLOCKING", "UNSPECIFIED")),
    "tools.response": IGNORE,
    "tools.responseJsonSchema": IGNORE,
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""


def is_proof(part: Part) -> bool:
    """Tell whether *part* is the signature of the part after it, which is one and the same part on the wire."""
    return isinstance(part, Thinking) and part.extra is not None and part.extra.form.get("on") == "part"


def message_path(request: Request, index: int) -> str:
    """Return where message number *index* stands in a request."""
    extra = request.messages[index].extra
    if extra is not None and "at" in extra.form:
        return extra.form["at"]
    system = request.extra is not None and "system" in request.extra.form
    return "systemInstruction" if system and index == 0 else f"contents[{index - system}]"


def part_path(at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message*, itself at the path *at*, stands in a request."""
    first = 0
    sizes = message.extra.form.get("contents", "") if message.extra is not None else ""
    for step, size in enumerate(sizes.split(",") if sizes else ()):
        if index < first + int(size):
            at = f"contents[{int(at.removeprefix('contents[').removesuffix(']')) + step}]"
            break
        first += int(size)
    before = sum(not is_proof(part) for part in message.parts[first:index])
    path = f"{at}.parts[{before}]"
    return f"{path}.thoughtSignature" if is_proof(message.parts[index]) else path


def result_path(path: str, index: int) -> str:
    """Return where part number *index* of the tool's result at *path* stands: its text goes first."""
    return f"{path}.functionResponse.parts[{index - 1}]" if index else f"{path}.functionResponse.response"


def tool_path(request: Request, index: int) -> str:
    """Return where tool number *index* stands: functions are declared in groups."""
    tools = request.tools or []
    extra = tools[index].extra
    group = extra.form.get("group", "0") if extra is not None else "0"
    if extra is not None and extra.form.get("tool") == "raw":
        return f"tools[{group}]"
    before = sum(one.extra is not None and one.extra.form.get("group") == group for one in tools[:index])
    return f"tools[{group}].functionDeclarations[{before}]"
