"""What becomes of a request that is written for Bedrock's Converse API."""

from collections.abc import Mapping

from headgate.dialects.contract import CLOSED, IGNORE, REFUSE, SAME, Rule, Rules, to

_THINKS = "as to Messages while a Claude thinks"
_FORCED = f"refused by models that may not be forced; {_THINKS}"
_BY_MODEL = "refused by models without sampling parameters"

NEUTRAL: Rules = {
    "model": to("modelId", "in the path"),
    "messages": SAME,
    "max_tokens": to("inferenceConfig.maxTokens"),
    "temperature": to("inferenceConfig.temperature", f"above 1 refused; {_BY_MODEL}; {_THINKS}"),
    "top_p": to("inferenceConfig.topP", f"{_BY_MODEL}; {_THINKS}"),
    "top_k": to("additionalModelRequestFields", f"Claude and Nova; else refused; {_THINKS}"),
    "stop": to("inferenceConfig.stopSequences", "refused by models that take none"),
    "seed": REFUSE,
    "n": Rule("refuse", (1,), "Ask once for each answer"),
    "frequency_penalty": Rule("refuse", (0, 0.0)),
    "presence_penalty": Rule("refuse", (0, 0.0)),
    "logit_bias": REFUSE,
    "logprobs": Rule("refuse", (False,)),
    "top_logprobs": Rule("refuse", (0,)),
    "tools": to("toolConfig.tools"),
    "tool_choice": to("toolConfig.toolChoice"),
    "parallel_tool_calls": to("additionalModelRequestFields.tool_choice", "Claude; false is refused by any other"),
    "format": to("outputConfig.textFormat"),
    "effort": to("outputConfig.effort", "the nearest that the model takes; Nova, GPT: additionalModelRequestFields"),
    "thinking": to("additionalModelRequestFields.thinking", "by model"),
    "thinking_budget": to("additionalModelRequestFields.thinking.budget_tokens", "Claude; else left out"),
    "thoughts": to("additionalModelRequestFields.thinking.display", "adaptive models; else left out"),
    "verbosity": Rule("refuse", ("medium",)),
    "service_tier": to("serviceTier.type", "default, flex and priority; auto is the default; else left out"),
    "cache_key": IGNORE,
    "store": Rule("refuse", (False,), "This API keeps nothing"),
    "user": to("requestMetadata.user_id", "letters, digits and few signs, 256 at most; else left out"),
    "metadata": to("requestMetadata", "texts of letters, digits and few signs, 256 at most; else refused"),
    "stream": to("converse-stream", "in the path"),
    "stream_usage": Rule("same", when="always told"),
    "messages.name": IGNORE,
    "messages.system_midway": Rule(
        "refuse", fix="Put it before the first message of the user", when="carried where the model takes it"
    ),
    "parts.image_url": Rule("refuse", fix="Send the image as a data URL (data:image/png;base64,...)"),
    "parts.image": SAME,
    "parts.detail": IGNORE,
    "parts.audio": SAME,
    "parts.file": to("document"),
    "parts.file_url": Rule("refuse", fix="Send the document as a data URL (data:application/pdf;base64,...)"),
    "parts.file_id": Rule("refuse", fix="Send the document as a data URL (data:application/pdf;base64,...)"),
    "parts.name": to("document.name"),
    "parts.tool_call": to("toolUse"),
    "parts.tool_result": to("toolResult"),
    "parts.tool_result_image": to("toolResult.content"),
    "parts.is_error": to("toolResult.status"),
    "parts.thinking": Rule("ignore", when="carried where it came from this API"),
    "parts.refusal": to("text"),
    "parts.citations": IGNORE,
    "parts.cache": to("cachePoint", "models that take it; else left out"),
    "tools.strict": to("toolSpec.strict"),
    "tools.custom": Rule("refuse", fix="Only functions can be called through this API"),
    "tools.cache": to("cachePoint", "models that take it; else left out"),
    "tool_choice.required": to("toolConfig.toolChoice.any", _FORCED),
    "tool_choice.named": to("toolConfig.toolChoice.tool", _FORCED),
    "tool_choice.none": Rule(
        "ignore",
        fix="The API has no way to forbid tools while the conversation shows calls of them",
        when="with the tools themselves, which comes to the same; refused where the conversation has calls",
    ),
    "tool_choice.allowed": to("toolConfig.tools", "the others are left out"),
    "format.json_object": Rule("refuse", fix="Send a 'json_schema' format instead"),
    "format.json_schema": to("outputConfig.textFormat", CLOSED),
}

OWN: Mapping[str, Rules] = {
    "anthropic-messages": {
        "anthropic-beta": Rule(
            "ignore", when="older Claude: what Bedrock knows, as additionalModelRequestFields.anthropic_beta"
        ),
        "part.citations": to("document.citations"),
        "part.context": to("document.context"),
    },
}
