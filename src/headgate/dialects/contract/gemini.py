"""What becomes of a request that is written for Gemini's generateContent."""

from collections.abc import Mapping

from headgate.dialects.contract import IGNORE, Rule, Rules, to

_CONFIG = "generationConfig."
_BYTES = "fetched by the gateway; refused where that fails"

NEUTRAL: Rules = {
    "model": Rule("same", when="in the path"),
    "messages": to("contents"),
    "max_tokens": to(f"{_CONFIG}maxOutputTokens"),
    "temperature": to(f"{_CONFIG}temperature"),
    "top_p": to(f"{_CONFIG}topP"),
    "top_k": to(f"{_CONFIG}topK"),
    "stop": to(f"{_CONFIG}stopSequences"),
    "seed": to(f"{_CONFIG}seed"),
    "n": to(f"{_CONFIG}candidateCount"),
    "frequency_penalty": to(f"{_CONFIG}frequencyPenalty"),
    "presence_penalty": to(f"{_CONFIG}presencePenalty"),
    "logit_bias": Rule("refuse"),
    "logprobs": to(f"{_CONFIG}responseLogprobs"),
    "top_logprobs": to(f"{_CONFIG}logprobs"),
    "tools": to("tools.functionDeclarations"),
    "tool_choice": to("toolConfig.functionCallingConfig"),
    "parallel_tool_calls": Rule("refuse", (True,), "Tell the model in its instructions to make one call at a time"),
    "format": to(f"{_CONFIG}responseJsonSchema"),
    "effort": to(
        f"{_CONFIG}thinkingConfig",
        "thinkingLevel from Gemini 3 on, before it thinkingBudget; the nearest that the model takes, told",
    ),
    "thinking": to(f"{_CONFIG}thinkingConfig", "off refused by models that cannot be told so"),
    "thinking_budget": to(
        f"{_CONFIG}thinkingConfig.thinkingBudget", "the nearest that the model takes, or the nearest level, told"
    ),
    "thoughts": to(f"{_CONFIG}thinkingConfig.includeThoughts"),
    "verbosity": Rule("refuse", ("medium",)),
    "service_tier": to("serviceTier", "flex and priority; any other left out, as all are at Vertex"),
    "cache_key": IGNORE,
    "store": Rule("map", (False,), to="store", when="refused by Vertex"),
    "user": IGNORE,
    "metadata": Rule("ignore", to="labels", when="carried to Vertex where every value can be a label"),
    "stream": Rule("same", when="in the path"),
    "stream_usage": Rule("same", when="always told"),
    "messages.name": IGNORE,
    "messages.system_midway": Rule("refuse", fix="Put it before the first message of the user"),
    "parts.image_url": to("inlineData", _BYTES),
    "parts.image": to("inlineData"),
    "parts.detail": to(f"{_CONFIG}mediaResolution", "where all pictures say the same; else left out"),
    "parts.audio": to("inlineData"),
    "parts.file": to("inlineData"),
    "parts.file_url": to("inlineData", _BYTES),
    "parts.file_id": Rule("refuse", fix="Send the document's bytes (base64) instead"),
    "parts.name": IGNORE,
    "parts.tool_call": to("functionCall"),
    "parts.tool_result": to("functionResponse"),
    "parts.tool_result_image": to("functionResponse.parts", "before Gemini 3 beside it"),
    "parts.is_error": to("functionResponse.response.error"),
    "parts.thinking": Rule("ignore", when="carried with a proof of this API's own"),
    "parts.refusal": to("text"),
    "parts.citations": IGNORE,
    "parts.cache": IGNORE,
    "tools.strict": to("toolConfig.functionCallingConfig.mode=VALIDATED", "for all tools of the request"),
    "tools.custom": Rule("refuse", fix="Only functions can be called through this API"),
    "tools.cache": IGNORE,
    "tool_choice.required": to("toolConfig.functionCallingConfig.mode=ANY"),
    "tool_choice.named": to("toolConfig.functionCallingConfig.allowedFunctionNames"),
    "tool_choice.none": to("toolConfig.functionCallingConfig.mode=NONE"),
    "tool_choice.allowed": to("toolConfig.functionCallingConfig.allowedFunctionNames", "auto: the others are left out"),
    "format.json_object": to(f"{_CONFIG}responseMimeType"),
    "format.json_schema": to(f"{_CONFIG}responseJsonSchema"),
}

OWN: Mapping[str, Rules] = {}
