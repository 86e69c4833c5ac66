"""The words of Bedrock's Converse API that stand for ours, and ours for theirs."""

from headgate.core.chat import Finish, Message, Request
from headgate.dialects.base import Profile
from headgate.dialects.contract import Rule

NAME = "bedrock-converse"

FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
"""``stopReason`` to ours; a word not in here means ``stop``, and stands beside it as it came."""

STOP_REASON: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "error": "malformed_model_output",
}

# fmt: off
FIELDS = frozenset({
    "messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields",
    "promptVariables", "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier",
    "outputConfig",
})
"""Every field that a Converse request can have; the model stands in the path."""
# fmt: on

SPELLINGS = {
    "max_tokens": "inferenceConfig.maxTokens",
    "temperature": "inferenceConfig.temperature",
    "top_p": "inferenceConfig.topP",
    "stop": "inferenceConfig.stopSequences",
    "tools": "toolConfig.tools",
    "tool_choice": "toolConfig.toolChoice",
    "format": "outputConfig.textFormat",
    "format.schema": "outputConfig.textFormat.structure.jsonSchema.schema",
    "effort": "outputConfig.effort",
    "top_k": "additionalModelRequestFields.top_k",
    "thinking": "additionalModelRequestFields.thinking",
    "thinking_budget": "additionalModelRequestFields.thinking.budget_tokens",
    "thoughts": "additionalModelRequestFields.thinking.display",
    "parallel_tool_calls": "additionalModelRequestFields.tool_choice.disable_parallel_tool_use",
    "metadata": "requestMetadata",
    "service_tier": "serviceTier",
    "parts.cache": "cachePoint",
    "parts.name": "document.name",
    "parts.citations": "citationsContent",
    "parts.is_error": "toolResult.status",
    "parts.arguments": "toolUse.input",
    "tools.strict": "toolSpec.strict",
    "tools.cache": "cachePoint",
}
"""Neutral field to ours, where they differ; of a row of parts, below the part."""

ABROAD = {
    "guardrailConfig": Rule("refuse", fix="Let a guardrail of the gateway check the text"),
    "promptVariables": Rule("refuse", fix="Send the messages themselves"),
    "performanceConfig": Rule("refuse", ({"latency": "standard"},)),
    "additionalModelRequestFields": Rule("refuse", fix="Only a model of Bedrock knows it"),
    "additionalModelResponseFieldPaths": Rule("refuse", fix="Only a model of Bedrock answers them"),
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""

IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
"""Media types to Bedrock's ``format``."""
AUDIOS = frozenset(
    {"mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm"}
)
IMAGE_TYPES = {format_: type_ for type_, format_ in IMAGES.items() if type_ != "image/jpg"}
DOCUMENT_TYPES = {format_: type_ for type_, format_ in DOCUMENTS.items()}


def part_path(at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message* stands: a cache marker after a part is a block of its own."""
    place = index + sum(getattr(part, "cache", None) is not None for part in message.parts[:index])
    return f"system[{place}]" if at == "system" else f"{at}.content[{place}]"


def result_path(path: str, index: int) -> str:
    """Return where part number *index* of the tool's result at *path* stands."""
    return f"{path}.toolResult.content[{index}]"


def tool_path(request: Request, index: int) -> str:
    """Return where tool number *index* stands: a cache marker after a tool is one of the tools."""
    before = (request.tools or [])[:index]
    return f"toolConfig.tools[{index + sum(tool.cache is not None for tool in before)}]"


def family(model: str, profile: Profile) -> str:
    """Return whose model it is: what goes besides Converse's own fields differs by that.

    The ARN of an application's inference profile does not tell; one whose model is told how to think is Claude's.
    """
    for sign in ("anthropic.claude", "amazon.nova", "openai.gpt"):
        if sign in model:
            return sign.rpartition(".")[2]
    return "claude" if "adaptive" in profile.thinking or "enabled" in profile.thinking else ""
