"""A request of each source for every field that it has: what the tests of the translation contract are driven by.

``SAMPLES[source][name]`` is the fields that are laid over ``BASES[source]``, and the path of the field in question where
it is not the source's own spelling of *name*. A *name* is a neutral field or row, or after ``own:`` a field of the
source alone. Strings with ``zq`` in them, and odd numbers, must be found in what is written where the field is carried.
"""

from typing import Any, NamedTuple

Json = dict[str, Any]


class Sample(NamedTuple):
    """Fields of a request, and where the one in question stands."""

    fields: Json
    path: str | None = None


SCHEMA: Json = {"type": "object", "properties": {"zqfield": {"type": "string"}}, "required": ["zqfield"]}
STRICT: Json = {**SCHEMA, "additionalProperties": False}
PNG = "iVBORw0KGgo="
PDF = "JVBERi0="
HELLO = "hello"
CONTROL: Json = {"type": "ephemeral"}

# ---- Chat Completions

_USER: Json = {"role": "user", "content": HELLO}
_TOOL: Json = {
    "type": "function",
    "function": {"name": "zqtool", "description": "zqdescription", "parameters": SCHEMA},
}
_OTHER: Json = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
_CALL: Json = {
    "id": "zqcall1",
    "type": "function",
    "function": {"name": "zqtool", "arguments": '{"zqfield":"zqgiven"}'},
}


def _content(*parts: Json) -> Json:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO}, *parts]}]}


def _assistant(**fields: Any) -> Json:
    return {"messages": [_USER, {"role": "assistant", "content": "zqsaid", **fields}, _USER]}


def _chosen(choice: Any, *tools: Json) -> Json:
    return {"tools": list(tools) or [_TOOL], "tool_choice": choice}


_HISTORY: Json = {
    "tools": [_TOOL],
    "messages": [
        _USER,
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "zqcall1", "content": "zqresult"},
    ],
}
_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": STRICT, "strict": True}}

CHAT: dict[str, Sample] = {
    "model": Sample({}),
    "messages": Sample({"messages": [{"role": "system", "content": "zqsystem"}, {"role": "user", "content": "zqtext"}]}),
    "max_tokens": Sample({"max_tokens": 7777}),
    "temperature": Sample({"temperature": 0.321}),
    "top_p": Sample({"top_p": 0.654}),
    "stop": Sample({"stop": ["zqstop"]}),
    "seed": Sample({"seed": 7321}),
    "n": Sample({"n": 2}),
    "frequency_penalty": Sample({"frequency_penalty": 0.123}),
    "presence_penalty": Sample({"presence_penalty": 0.234}),
    "logit_bias": Sample({"logit_bias": {"7123": 5}}),
    "logprobs": Sample({"logprobs": True}),
    "top_logprobs": Sample({"logprobs": True, "top_logprobs": 3}),
    "tools": Sample({"tools": [_TOOL]}),
    "tool_choice": Sample(_chosen("auto")),
    "parallel_tool_calls": Sample({"tools": [_TOOL], "parallel_tool_calls": False}),
    "format": Sample({"response_format": _FORMAT}),
    "effort": Sample({"reasoning_effort": "high"}),
    "verbosity": Sample({"verbosity": "low"}),
    "service_tier": Sample({"service_tier": "default"}),
    "cache_key": Sample({"prompt_cache_key": "zqkey"}),
    "store": Sample({"store": True}),
    "user": Sample({"user": "zquser"}),
    "metadata": Sample({"metadata": {"zqnote": "zqvalue"}}),
    "stream": Sample({"stream": True}),
    "stream_usage": Sample({"stream": True, "stream_options": {"include_usage": True}}),
    "messages.name": Sample(
        {"messages": [{"role": "system", "content": "a", "name": "zqsystem"}, {**_USER, "name": "zqname"}]},
        "messages[1].name",
    ),
    "messages.system_midway": Sample(
        {"messages": [_USER, {"role": "assistant", "content": "a"}, {"role": "system", "content": "zqmidway"}, _USER]},
        "messages[2]",
    ),
    "parts.image_url": Sample(
        _content({"type": "image_url", "image_url": {"url": "https://zq.example/i.png"}}), "messages[0].content[1]"
    ),
    "parts.image": Sample(
        _content({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}), "messages[0].content[1]"
    ),
    "parts.detail": Sample(
        _content({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}}),
        "messages[0].content[1].image_url.detail",
    ),
    "parts.audio": Sample(
        _content({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
        "messages[0].content[1]",
    ),
    "parts.file": Sample(
        _content({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}), "messages[0].content[1]"
    ),
    "parts.name": Sample(
        _content({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "zqname"}}),
        "messages[0].content[1].file.filename",
    ),
    "parts.file_id": Sample(_content({"type": "file", "file": {"file_id": "file-zq"}}), "messages[0].content[1]"),
    "parts.tool_call": Sample(_HISTORY, "messages[1].tool_calls[0]"),
    "parts.tool_result": Sample(_HISTORY, "messages[2]"),
    "parts.thinking": Sample(_assistant(reasoning="zqthought"), "messages[1].reasoning"),
    "parts.refusal": Sample(_assistant(content=None, refusal="zqrefusal"), "messages[1].refusal"),
    "parts.cache": Sample(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO, "prompt_cache_breakpoint": {"mode": "explicit"}}]}]},
        "messages[0].content[0].prompt_cache_breakpoint",
    ),
    "tools.strict": Sample(
        {"tools": [{"type": "function", "function": {"name": "zqtool", "parameters": STRICT, "strict": True}}]},
        "tools[0].function.strict",
    ),
    "tools.custom": Sample({"tools": [{"type": "custom", "custom": {"name": "zqcustom"}}]}, "tools[0]"),
    "tools.cache": Sample({"tools": [{**_TOOL, "cache_control": CONTROL}]}, "tools[0].cache_control"),
    "tool_choice.required": Sample(_chosen("required"), "tool_choice"),
    "tool_choice.named": Sample(
        _chosen({"type": "function", "function": {"name": "zqtool"}}, _TOOL, _OTHER), "tool_choice"
    ),
    "tool_choice.none": Sample(_chosen("none"), "tool_choice"),
    "tool_choice.allowed": Sample(
        _chosen(
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "zqtool"}}]},
            },
            _TOOL,
            _OTHER,
        ),
        "tool_choice",
    ),
    "format.json_object": Sample({"response_format": {"type": "json_object"}}, "response_format"),
    "format.json_schema": Sample({"response_format": _FORMAT}, "response_format"),
    "own:modalities": Sample({"modalities": ["text", "audio"]}),
    "own:audio": Sample({"audio": {"voice": "zqvoice", "format": "wav"}}),
    "own:moderation": Sample({"moderation": {"model": "zqmoderation"}}),
    "own:web_search_options": Sample({"web_search_options": {"search_context_size": "low"}}),
    "own:functions": Sample({"functions": [{"name": "zqfunction"}]}),
    "own:function_call": Sample({"function_call": {"name": "zqfunction"}}),
    "own:part=video_url": Sample(_content({"type": "video_url", "video_url": {"url": "zqvideo"}}), "messages[0].content[1]"),
    "own:part=custom": Sample(
        _assistant(tool_calls=[{"id": "zqcall2", "type": "custom", "custom": {"name": "zqcustom", "input": "zqinput"}}]),
        "messages[1].tool_calls[0]",
    ),
    "own:safety_identifier": Sample({"user": "zquser", "safety_identifier": "zqidentifier"}),
    "own:prediction": Sample({"prediction": {"type": "content", "content": "zqpredicted"}}),
    "own:prompt_cache_options": Sample({"prompt_cache_options": {"mode": "explicit"}}),
    "own:prompt_cache_retention": Sample({"prompt_cache_retention": "24h"}),
    "own:stream_options": Sample({"stream": True, "stream_options": {"include_obfuscation": False}}),
    "own:messages.annotations": Sample(_assistant(annotations=[{"type": "url_citation"}]), "messages[1].annotations"),
    "own:messages.images": Sample(
        _assistant(images=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,zqimage"}}]),
        "messages[1].images",
    ),
    "own:messages.audio": Sample(_assistant(audio={"id": "zqaudio"}), "messages[1].audio"),
    "own:messages.function_call": Sample(
        _assistant(function_call={"name": "zqfunction", "arguments": "{}"}), "messages[1].function_call"
    ),
    "own:part.prompt_cache_breakpoint": Sample(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO, "prompt_cache_breakpoint": {"mode": "other"}}]}]},
        "messages[0].content[0].prompt_cache_breakpoint",
    ),
    "own:part.cache_control": Sample(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO, "cache_control": {"type": "other"}}]}]},
        "messages[0].content[0].cache_control",
    ),
    "own:tools.cache_control": Sample(
        {"tools": [{**_TOOL, "cache_control": {"type": "other"}}]}, "tools[0].cache_control"
    ),
}  # fmt: skip

# ---- Messages

_USE: Json = {"type": "tool_use", "id": "zqcall1", "name": "zqtool", "input": {"zqfield": "zqgiven"}}
_DECLARED: Json = {"name": "zqtool", "description": "zqdescription", "input_schema": SCHEMA}
_UNUSED: Json = {"name": "other", "input_schema": {"type": "object", "properties": {}}}


def _used(**result: Any) -> Json:
    answer = {"type": "tool_result", "tool_use_id": "zqcall1", "content": "zqresult", **result}
    return {
        "tools": [_DECLARED],
        "messages": [_USER, {"role": "assistant", "content": [_USE]}, {"role": "user", "content": [answer]}],
    }


def _said(*blocks: Json) -> Json:
    return {"messages": [_USER, {"role": "assistant", "content": [*blocks, {"type": "text", "text": "zqsaid"}]}, _USER]}


_SHAPE = {"type": "json_schema", "schema": STRICT}
_DOCUMENT: Json = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}

MESSAGES: dict[str, Sample] = {
    "model": Sample({}),
    "messages": Sample({"system": "zqsystem", "messages": [{"role": "user", "content": "zqtext"}]}),
    "max_tokens": Sample({"max_tokens": 7777}),
    "temperature": Sample({"temperature": 0.321}),
    "top_p": Sample({"top_p": 0.654}),
    "top_k": Sample({"top_k": 41}),
    "stop": Sample({"stop_sequences": ["zqstop"]}),
    "tools": Sample({"tools": [_DECLARED]}),
    "tool_choice": Sample({"tools": [_DECLARED], "tool_choice": {"type": "auto"}}),
    "parallel_tool_calls": Sample(
        {"tools": [_DECLARED], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    ),
    "format": Sample({"output_config": {"format": _SHAPE}}),
    "effort": Sample({"output_config": {"effort": "high"}}),
    "thinking": Sample({"thinking": {"type": "adaptive"}}),
    "thinking_budget": Sample({"max_tokens": 16_000, "thinking": {"type": "enabled", "budget_tokens": 8191}}),
    "thoughts": Sample({"thinking": {"type": "adaptive", "display": "summarized"}}),
    "service_tier": Sample({"service_tier": "standard_only"}),
    "user": Sample({"metadata": {"user_id": "zquser"}}),
    "stream": Sample({"stream": True}),
    "messages.system_midway": Sample(
        {"messages": [_USER, {"role": "assistant", "content": "a"}, {"role": "system", "content": "zqmidway"}, _USER]},
        "messages[2]",
    ),
    "parts.image_url": Sample(
        _content({"type": "image", "source": {"type": "url", "url": "https://zq.example/i.png"}}),
        "messages[0].content[1]",
    ),
    "parts.image": Sample(
        _content({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
        "messages[0].content[1]",
    ),
    "parts.file": Sample(_content(_DOCUMENT), "messages[0].content[1]"),
    "parts.name": Sample(_content({**_DOCUMENT, "title": "zqname"}), "messages[0].content[1].title"),
    "parts.file_url": Sample(
        _content({"type": "document", "source": {"type": "url", "url": "https://zq.example/d.pdf"}}),
        "messages[0].content[1]",
    ),
    "parts.file_id": Sample(
        _content({"type": "document", "source": {"type": "file", "file_id": "file-zq"}}), "messages[0].content[1]"
    ),
    "parts.tool_call": Sample(_used(), "messages[1].content[0]"),
    "parts.tool_result": Sample(_used(), "messages[2].content[0]"),
    "parts.tool_result_image": Sample(
        _used(content=[{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]),
        "messages[2].content[0].content[0]",
    ),
    "parts.is_error": Sample(_used(is_error=True), "messages[2].content[0].is_error"),
    "parts.thinking": Sample(
        _said({"type": "thinking", "thinking": "zqthought", "signature": "zqproof"}), "messages[1].content[0]"
    ),
    "parts.citations": Sample(
        _said(
            {
                "type": "text",
                "text": "zqcited",
                "citations": [{"type": "char_location", "cited_text": "zqquote", "document_index": 0}],
            }
        ),
        "messages[1].content[0].citations",
    ),
    "parts.cache": Sample(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO, "cache_control": CONTROL}]}]},
        "messages[0].content[0].cache_control",
    ),
    "tools.strict": Sample(
        {"tools": [{**_DECLARED, "input_schema": STRICT, "strict": True}]}, "tools[0].strict"
    ),
    "tools.custom": Sample({"tools": [{"type": "web_search_20250305", "name": "zqsearch"}]}, "tools[0]"),
    "tools.cache": Sample({"tools": [{**_DECLARED, "cache_control": CONTROL}]}, "tools[0].cache_control"),
    "tool_choice.required": Sample({"tools": [_DECLARED], "tool_choice": {"type": "any"}}, "tool_choice"),
    "tool_choice.named": Sample(
        {"tools": [_DECLARED, _UNUSED], "tool_choice": {"type": "tool", "name": "zqtool"}}, "tool_choice"
    ),
    "tool_choice.none": Sample({"tools": [_DECLARED], "tool_choice": {"type": "none"}}, "tool_choice"),
    "format.json_schema": Sample({"output_config": {"format": _SHAPE}}, "output_config.format"),
    "own:part=server_tool_use": Sample(
        _said({"type": "server_tool_use", "id": "zqid", "name": "web_search", "input": {"query": "zqquery"}}),
        "messages[1].content[0]",
    ),
    "own:part=web_search_tool_result": Sample(
        _said({"type": "web_search_tool_result", "tool_use_id": "zqid", "content": [{"type": "web_search_result", "url": "zqurl"}]}),
        "messages[1].content[0]",
    ),
    "own:part=container_upload": Sample(_content({"type": "container_upload", "file_id": "zqfile"}), "messages[0].content[1]"),
    "own:part=search_result": Sample(
        _content({"type": "search_result", "source": "zqsource", "title": "zqtitle", "content": []}), "messages[0].content[1]"
    ),
    "own:part=tool_reference": Sample(
        _used(content=[{"type": "text", "text": "zqresult"}, {"type": "tool_reference", "tool_name": "zqreference"}]),
        "messages[2].content[0].content[1]",
    ),
    "own:cache_control": Sample({"cache_control": CONTROL}),
    "own:speed": Sample({"speed": "fast"}),
    "own:inference_geo": Sample({"inference_geo": "zqgeo"}),
    "own:container": Sample({"container": "zqcontainer"}),
    "own:mcp_servers": Sample({"mcp_servers": [{"name": "zqserver"}]}),
    "own:fallbacks": Sample({"fallbacks": [{"model": "zqmodel"}]}),
    "own:fallback_credit_token": Sample({"fallback_credit_token": "zqtoken"}),
    "own:compaction": Sample({"compaction": {"zq": 1}}),
    "own:thread": Sample({"thread": "zqthread"}),
    "own:context_management": Sample({"context_management": {"edits": ["zq"]}}),
    "own:billing_policy": Sample({"billing_policy": "zqpolicy"}),
    "own:diagnostics": Sample({"diagnostics": {"previous_message_id": "zqid"}}),
    "own:betas": Sample({"betas": ["zqbeta"]}),
    "own:anthropic-beta": Sample({"anthropic-beta": ["zqbeta"]}),
    "own:messages.cache_control": Sample({"messages": [{**_USER, "cache_control": CONTROL}]}, "messages[0].cache_control"),
    "own:tools.cache_control": Sample(
        {"tools": [{**_DECLARED, "cache_control": {"type": "other"}}]}, "tools[0].cache_control"
    ),
    "own:tools.input_examples": Sample({"tools": [{**_DECLARED, "input_examples": [{"zq": 1}]}]}, "tools[0].input_examples"),
    "own:tools.eager_input_streaming": Sample(
        {"tools": [{**_DECLARED, "eager_input_streaming": True}]}, "tools[0].eager_input_streaming"
    ),
    "own:tools.defer_loading": Sample({"tools": [{**_DECLARED, "defer_loading": True}]}, "tools[0].defer_loading"),
    "own:tools.allowed_callers": Sample({"tools": [{**_DECLARED, "allowed_callers": ["zqcaller"]}]}, "tools[0].allowed_callers"),
    "own:part.cache_control": Sample(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO, "cache_control": {"type": "other"}}]}]},
        "messages[0].content[0].cache_control",
    ),
    "own:part.caller": Sample(_said({**_USE, "caller": {"type": "zqcaller"}}), "messages[1].content[0].caller"),
    "own:part.citations": Sample(_content({**_DOCUMENT, "citations": {"enabled": True}}), "messages[0].content[1].citations"),
}  # fmt: skip

# ---- Completions

COMPLETIONS: dict[str, Sample] = {
    "model": Sample({}),
    "messages": Sample({"prompt": "zqtext"}),
    **{
        name: CHAT[name]
        for name in (
            *("max_tokens", "temperature", "top_p", "stop", "seed", "n", "frequency_penalty", "presence_penalty"),
            *("logit_bias", "user", "stream", "stream_usage"),
        )
    },
    "logprobs": Sample({"logprobs": 0}),
    "top_logprobs": Sample({"logprobs": 3}),
    "own:best_of": Sample({"best_of": 3}),
    "own:echo": Sample({"echo": True}),
    "own:suffix": Sample({"suffix": "zqsuffix"}),
    "own:max_tokens": Sample({"max_tokens": 0}),
    "own:stream_options": Sample({"stream": True, "stream_options": {"zqoption": True}}),
    "own:part.prompt": Sample({"prompt": ["zqone", "zqtwo"]}, "prompt"),
}

# ---- Responses

_FUNCTION: Json = {"type": "function", "name": "zqtool", "description": "zqdescription", "parameters": SCHEMA}
_SECOND: Json = {"type": "function", "name": "other", "parameters": {"type": "object", "properties": {}}}
_CALLED: Json = {"type": "function_call", "call_id": "zqcall1", "name": "zqtool", "arguments": '{"zqfield":"zqgiven"}'}
_TEXTS = {"type": "json_schema", "name": "answer", "schema": STRICT, "strict": True}


def _input(*parts: Json) -> Json:
    return {"input": [{"role": "user", "content": [{"type": "input_text", "text": HELLO}, *parts]}]}


def _output(output: Any = "zqresult") -> Json:
    answer = {"type": "function_call_output", "call_id": "zqcall1", "output": output}
    return {"tools": [_FUNCTION], "input": [_USER, _CALLED, answer]}


def _spoken(**fields: Any) -> Json:
    text = {"type": "output_text", "text": "zqsaid", **fields}
    return {"input": [_USER, {"type": "message", "role": "assistant", "content": [text]}, _USER]}


def _called(**fields: Any) -> Json:
    answer = {"type": "function_call_output", "call_id": "zqcall1", "output": "zqresult"}
    return {"tools": [_FUNCTION], "input": [_USER, {**_CALLED, **fields}, answer]}


RESPONSES: dict[str, Sample] = {
    "model": Sample({}),
    "messages": Sample({"instructions": "zqsystem", "input": "zqtext"}),
    "max_tokens": Sample({"max_output_tokens": 7777}),
    "temperature": Sample({"temperature": 0.321}),
    "top_p": Sample({"top_p": 0.654}),
    "logprobs": Sample({"include": ["message.output_text.logprobs"]}),
    "top_logprobs": Sample({"top_logprobs": 3}),
    "tools": Sample({"tools": [_FUNCTION]}),
    "tool_choice": Sample({"tools": [_FUNCTION], "tool_choice": "auto"}),
    "parallel_tool_calls": Sample({"tools": [_FUNCTION], "parallel_tool_calls": False}),
    "format": Sample({"text": {"format": _TEXTS}}),
    "effort": Sample({"reasoning": {"effort": "high"}}),
    "thoughts": Sample({"reasoning": {"summary": "auto"}}),
    "verbosity": Sample({"text": {"verbosity": "low"}}),
    "service_tier": Sample({"service_tier": "default"}),
    "cache_key": Sample({"prompt_cache_key": "zqkey"}),
    "user": Sample({"user": "zquser"}),
    "stream": Sample({"stream": True}),
    "messages.system_midway": Sample(
        {"input": [_USER, {"role": "assistant", "content": "a"}, {"role": "system", "content": "zqmidway"}, _USER]},
        "input[2]",
    ),
    "parts.image_url": Sample(_input({"type": "input_image", "image_url": "https://zq.example/i.png"}), "input[0].content[1]"),
    "parts.image": Sample(
        _input({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}), "input[0].content[1]"
    ),
    "parts.detail": Sample(
        _input({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"}),
        "input[0].content[1].detail",
    ),
    "parts.file": Sample(
        _input({"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}), "input[0].content[1]"
    ),
    "parts.name": Sample(
        _input({"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}", "filename": "zqname"}),
        "input[0].content[1].filename",
    ),
    "parts.file_url": Sample(_input({"type": "input_file", "file_url": "https://zq.example/d.pdf"}), "input[0].content[1]"),
    "parts.file_id": Sample(_input({"type": "input_file", "file_id": "file-zq"}), "input[0].content[1]"),
    "parts.tool_call": Sample(_output(), "input[1]"),
    "parts.tool_result": Sample(_output(), "input[2]"),
    "parts.tool_result_image": Sample(
        _output([{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]), "input[2].output[0]"
    ),
    "parts.thinking": Sample(
        {
            "input": [
                _USER,
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "zqthought"}], "encrypted_content": "zqproof"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "zqsaid"}]},
                _USER,
            ]
        },
        "input[1]",
    ),
    "parts.refusal": Sample(
        {"input": [_USER, {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "zqrefusal"}]}, _USER]},
        "input[1].content[0]",
    ),
    "parts.citations": Sample(
        _spoken(annotations=[{"type": "url_citation", "url": "https://zq.example", "title": "zqtitle", "start_index": 0, "end_index": 3}]),
        "input[1].content[0].annotations",
    ),
    "own:part=image_generation_call": Sample(
        {"input": [_USER, {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "zqimage"}, _USER]},
        "input[1]",
    ),
    "tools.strict": Sample({"tools": [{**_FUNCTION, "parameters": STRICT, "strict": True}]}, "tools[0].strict"),
    "tools.custom": Sample({"tools": [{"type": "web_search"}]}, "tools[0]"),
    "tool_choice.required": Sample({"tools": [_FUNCTION], "tool_choice": "required"}, "tool_choice"),
    "tool_choice.named": Sample(
        {"tools": [_FUNCTION, _SECOND], "tool_choice": {"type": "function", "name": "zqtool"}}, "tool_choice"
    ),
    "tool_choice.none": Sample({"tools": [_FUNCTION], "tool_choice": "none"}, "tool_choice"),
    "tool_choice.allowed": Sample(
        {
            "tools": [_FUNCTION, _SECOND],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "zqtool"}]},
        },
        "tool_choice",
    ),
    "format.json_object": Sample({"text": {"format": {"type": "json_object"}}}, "text.format"),
    "format.json_schema": Sample({"text": {"format": _TEXTS}}, "text.format"),
    "own:part=web_search_call": Sample(
        {"input": [_USER, {"type": "web_search_call", "id": "zqid", "action": {"type": "search", "query": "zqquery"}}, _USER]},
        "input[1]",
    ),
    "own:part=item_reference": Sample({"input": [_USER, {"type": "item_reference", "id": "zqid"}]}, "input[1]"),
    "own:part=custom_tool_call": Sample(
        {"input": [_USER, {"type": "custom_tool_call", "call_id": "zqcall2", "name": "zqcustom", "input": "zqinput"}]}, "input[1]"
    ),
    "own:background": Sample({"background": True}),
    "own:conversation": Sample({"conversation": "zqconversation"}),
    "own:previous_response_id": Sample({"previous_response_id": "zqid"}),
    "own:prompt": Sample({"prompt": {"id": "zqprompt"}}),
    "own:context_management": Sample({"context_management": [{"type": "zq"}]}),
    "own:max_tool_calls": Sample({"max_tool_calls": 3}),
    "own:truncation": Sample({"truncation": "auto"}),
    "own:include": Sample({"include": ["file_search_call.results"]}),
    "own:moderation": Sample({"moderation": {"model": "zqmoderation"}}),
    "own:access_programs": Sample({"access_programs": {"cyber": "zq"}}),
    "own:prompt_cache_options": Sample({"prompt_cache_options": {"mode": "explicit"}}),
    "own:prompt_cache_retention": Sample({"prompt_cache_retention": "24h"}),
    "own:safety_identifier": Sample({"user": "zquser", "safety_identifier": "zqidentifier"}),
    "own:image": Sample({"image": {"zq": "zqimage"}}),
    "own:stream_options": Sample({"stream_options": {"include_obfuscation": False}}),
    "own:metadata": Sample({"metadata": {"a": "b"}}),
    "own:store": Sample({"store": True}),
    "own:reasoning": Sample({"reasoning": {"mode": "pro"}}),
    "own:messages.namespace": Sample(_called(namespace="zqspace"), "input[1].namespace"),
    "own:messages.caller": Sample(_called(caller={"type": "zqcaller"}), "input[1].caller"),
    "own:part.phase": Sample(
        {"input": [_USER, {"role": "assistant", "content": "zqsaid", "phase": "commentary"}, _USER]},
        "input[1].content.phase",
    ),
    "own:part.logprobs": Sample(_spoken(logprobs=[{"token": "zqtoken"}]), "input[1].content[0].logprobs"),
    "own:part.prompt_cache_breakpoint": Sample(
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": HELLO, "prompt_cache_breakpoint": {"mode": "other"}}]}]},
        "input[0].content[0].prompt_cache_breakpoint",
    ),
    "own:tools.async": Sample({"tools": [{**_FUNCTION, "async": True}]}, "tools[0].async"),
    "own:tools.defer_loading": Sample({"tools": [{**_FUNCTION, "defer_loading": True}]}, "tools[0].defer_loading"),
    "own:tools.output_schema": Sample({"tools": [{**_FUNCTION, "output_schema": SCHEMA}]}, "tools[0].output_schema"),
    "own:tools.allowed_callers": Sample({"tools": [{**_FUNCTION, "allowed_callers": ["zq"]}]}, "tools[0].allowed_callers"),
}  # fmt: skip

# ---- Gemini

_FUNCTIONS: Json = {
    "functionDeclarations": [{"name": "zqtool", "description": "zqdescription", "parametersJsonSchema": SCHEMA}]
}
_HI: Json = {"role": "user", "parts": [{"text": HELLO}]}


def _config(**fields: Any) -> Json:
    return {"generationConfig": fields}


def _parts(*parts: Json) -> Json:
    return {"contents": [{"role": "user", "parts": [{"text": HELLO}, *parts]}]}


def _declared(**fields: Any) -> Json:
    return {"tools": [{"functionDeclarations": [{"name": "zqtool", "parametersJsonSchema": SCHEMA, **fields}]}]}


def _calling(**config: Any) -> Json:
    both = {"functionDeclarations": [*_FUNCTIONS["functionDeclarations"], {"name": "other"}]}
    return {"tools": [both], "toolConfig": {"functionCallingConfig": config}}


def _response(response: Json) -> Json:
    return {
        "tools": [_FUNCTIONS],
        "contents": [
            _HI,
            {"role": "model", "parts": [{"functionCall": {"name": "zqtool", "args": {"zqfield": "zqgiven"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "zqtool", "response": response}}]},
        ],
    }


GEMINI: dict[str, Sample] = {
    "model": Sample({}),
    "messages": Sample({"systemInstruction": {"parts": [{"text": "zqsystem"}]}, "contents": [{"role": "user", "parts": [{"text": "zqtext"}]}]}),
    "max_tokens": Sample(_config(maxOutputTokens=7777)),
    "temperature": Sample(_config(temperature=0.321)),
    "top_p": Sample(_config(topP=0.654)),
    "top_k": Sample(_config(topK=41)),
    "stop": Sample(_config(stopSequences=["zqstop"])),
    "seed": Sample(_config(seed=7321)),
    "n": Sample(_config(candidateCount=2)),
    "frequency_penalty": Sample(_config(frequencyPenalty=0.123)),
    "presence_penalty": Sample(_config(presencePenalty=0.234)),
    "logprobs": Sample(_config(responseLogprobs=True)),
    "top_logprobs": Sample(_config(responseLogprobs=True, logprobs=3)),
    "tools": Sample({"tools": [_FUNCTIONS]}),
    "tool_choice": Sample(_calling(mode="AUTO")),
    "format": Sample(_config(responseMimeType="application/json", responseJsonSchema=STRICT)),
    "effort": Sample(_config(thinkingConfig={"thinkingLevel": "HIGH"})),
    "thinking": Sample(_config(thinkingConfig={"thinkingBudget": -1})),
    "thinking_budget": Sample(_config(maxOutputTokens=16_000, thinkingConfig={"thinkingBudget": 8191})),
    "thoughts": Sample(_config(thinkingConfig={"thinkingBudget": -1, "includeThoughts": True})),
    "service_tier": Sample({"serviceTier": "standard"}),
    "store": Sample({"store": True}),
    "parts.image_url": Sample(_parts({"fileData": {"mimeType": "image/png", "fileUri": "https://zq.example/i.png"}}), "contents[0].parts[1]"),
    "parts.image": Sample(_parts({"inlineData": {"mimeType": "image/png", "data": PNG}}), "contents[0].parts[1]"),
    "parts.audio": Sample(_parts({"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}), "contents[0].parts[1]"),
    "parts.file": Sample(_parts({"inlineData": {"mimeType": "application/pdf", "data": PDF}}), "contents[0].parts[1]"),
    "parts.file_url": Sample(_parts({"fileData": {"mimeType": "application/pdf", "fileUri": "https://zq.example/d.pdf"}}), "contents[0].parts[1]"),
    "parts.tool_call": Sample(_response({"result": "zqresult"}), "contents[1].parts[0]"),
    "parts.tool_result": Sample(_response({"result": "zqresult"}), "contents[2].parts[0]"),
    "parts.is_error": Sample(_response({"error": "zqfailed"}), "contents[2].parts[0].functionResponse.response.error"),
    "parts.thinking": Sample(
        {"contents": [_HI, {"role": "model", "parts": [{"text": "zqthought", "thought": True}, {"text": "zqsaid"}]}, _HI]},
        "contents[1].parts[0]",
    ),
    "tools.strict": Sample(_calling(mode="VALIDATED"), "tools[0].functionDeclarations[0]"),
    "tools.custom": Sample({"tools": [{"googleSearch": {}}]}, "tools[0]"),
    "tool_choice.required": Sample(_calling(mode="ANY"), "toolConfig.functionCallingConfig"),
    "tool_choice.named": Sample(_calling(mode="ANY", allowedFunctionNames=["zqtool"]), "toolConfig.functionCallingConfig"),
    "tool_choice.none": Sample(_calling(mode="NONE"), "toolConfig.functionCallingConfig"),
    "format.json_object": Sample(_config(responseMimeType="application/json"), "generationConfig"),
    "format.json_schema": Sample(_config(responseMimeType="application/json", responseJsonSchema=STRICT), "generationConfig"),
    "own:part=executableCode": Sample(
        {"contents": [_HI, {"role": "model", "parts": [{"executableCode": {"language": "PYTHON", "code": "zqcode"}}]}]},
        "contents[1].parts[0]",
    ),
    "own:safetySettings": Sample({"safetySettings": [{"category": "zq"}]}),
    "own:cachedContent": Sample({"cachedContent": "zqcached"}),
    "own:labels": Sample({"labels": {"zqlabel": "zqvalue"}}),
    "own:modelArmorConfig": Sample({"modelArmorConfig": {"zq": 1}}),
    "own:part.partMetadata": Sample(_parts({"text": "zqtext", "partMetadata": {"zq": "zqmeta"}}), "contents[0].parts[1].partMetadata"),
    "own:part.inlineData": Sample(
        _parts({"inlineData": {"mimeType": "image/png", "data": PNG, "displayName": "zqname"}}), "contents[0].parts[1].inlineData"
    ),
    "own:part.fileData": Sample(
        _parts({"fileData": {"mimeType": "image/png", "fileUri": "https://zq.example/i.png", "displayName": "zqname"}}),
        "contents[0].parts[1].fileData.displayName",
    ),
    "own:tools.behavior": Sample(_declared(behavior="NON_BLOCKING"), "tools[0].functionDeclarations[0].behavior"),
    "own:tools.response": Sample(_declared(response={"type": "OBJECT"}), "tools[0].functionDeclarations[0].response"),
    "own:tools.responseJsonSchema": Sample(
        _declared(responseJsonSchema=SCHEMA), "tools[0].functionDeclarations[0].responseJsonSchema"
    ),
    "own:part.mediaResolution": Sample(
        _parts({"inlineData": {"mimeType": "image/png", "data": PNG}, "mediaResolution": {"level": "zq"}}), "contents[0].parts[1].mediaResolution"
    ),
}  # fmt: skip

# ---- Converse

_SPEC: Json = {"toolSpec": {"name": "zqtool", "description": "zqdescription", "inputSchema": {"json": SCHEMA}}}
_SPEC2: Json = {"toolSpec": {"name": "other", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
_BLOCK: Json = {"text": HELLO}


def _blocks(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": [_BLOCK, *blocks]}]}


def _toolset(choice: Json | None = None, *tools: Json) -> Json:
    return {"toolConfig": {"tools": list(tools) or [_SPEC]} | ({"toolChoice": choice} if choice is not None else {})}


def _more(**fields: Any) -> Json:
    return {"additionalModelRequestFields": fields}


def _done(**result: Any) -> Json:
    answer = {"toolResult": {"toolUseId": "zqcall1", "content": [{"text": "zqresult"}], **result}}
    use = {"toolUse": {"toolUseId": "zqcall1", "name": "zqtool", "input": {"zqfield": "zqgiven"}}}
    turns = [{"role": "user", "content": [_BLOCK]}, {"role": "assistant", "content": [use]}]
    return {**_toolset(), "messages": [*turns, {"role": "user", "content": [answer]}]}


CONVERSE: dict[str, Sample] = {
    "messages": Sample({"system": [{"text": "zqsystem"}], "messages": [{"role": "user", "content": [{"text": "zqtext"}]}]}),
    "max_tokens": Sample({"inferenceConfig": {"maxTokens": 7777}}),
    "temperature": Sample({"inferenceConfig": {"temperature": 0.321}}),
    "top_p": Sample({"inferenceConfig": {"topP": 0.654}}),
    "stop": Sample({"inferenceConfig": {"stopSequences": ["zqstop"]}}),
    "top_k": Sample(_more(top_k=41)),
    "tools": Sample(_toolset()),
    "tool_choice": Sample(_toolset({"auto": {}})),
    "parallel_tool_calls": Sample({**_toolset(), **_more(tool_choice={"type": "auto", "disable_parallel_tool_use": True})}),
    "format": Sample(
        {
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {"jsonSchema": {"name": "answer", "schema": '{"type":"object","properties":{"zqfield":{"type":"string"}},"required":["zqfield"],"additionalProperties":false}'}},
                }
            }
        }
    ),
    "effort": Sample({"outputConfig": {"effort": "high"}}),
    "thinking": Sample(_more(thinking={"type": "adaptive"})),
    "thinking_budget": Sample({"inferenceConfig": {"maxTokens": 16_000}, **_more(thinking={"type": "enabled", "budget_tokens": 8191})}),
    "thoughts": Sample(_more(thinking={"type": "adaptive", "display": "summarized"})),
    "service_tier": Sample({"serviceTier": {"type": "default"}}),
    "metadata": Sample({"requestMetadata": {"zqnote": "zqvalue"}}),
    "parts.image": Sample(_blocks({"image": {"format": "png", "source": {"bytes": PNG}}}), "messages[0].content[1]"),
    "parts.file": Sample(_blocks({"document": {"format": "pdf", "name": "zq", "source": {"bytes": PDF}}}), "messages[0].content[1]"),
    "parts.tool_call": Sample(_done(), "messages[1].content[0]"),
    "parts.tool_result": Sample(_done(), "messages[2].content[0]"),
    "parts.is_error": Sample(_done(status="error"), "messages[2].content[0]"),
    "parts.cache": Sample(_blocks({"cachePoint": {"type": "default"}}), "messages[0].content[0].cachePoint"),
    "parts.thinking": Sample(
        {
            "messages": [
                {"role": "user", "content": [_BLOCK]},
                {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "zqthought", "signature": "zqproof"}}}, {"text": "zqsaid"}]},
                {"role": "user", "content": [_BLOCK]},
            ]
        },
        "messages[1].content[0]",
    ),
    "tools.strict": Sample(
        _toolset(None, {"toolSpec": {"name": "zqtool", "inputSchema": {"json": STRICT}, "strict": True}}), "toolConfig.tools[0]"
    ),
    "tools.cache": Sample(_toolset(None, _SPEC, {"cachePoint": {"type": "default"}}), "toolConfig.tools[0]"),
    "tool_choice.required": Sample(_toolset({"any": {}}), "toolConfig.toolChoice"),
    "tool_choice.named": Sample(_toolset({"tool": {"name": "zqtool"}}, _SPEC, _SPEC2), "toolConfig.toolChoice"),
    "own:part=video": Sample(_blocks({"video": {"format": "mp4", "source": {"bytes": "zqvideo="}}}), "messages[0].content[1]"),
    "own:part=guardContent": Sample(_blocks({"guardContent": {"text": {"text": "zqguarded"}}}), "messages[0].content[1]"),
    "own:guardrailConfig": Sample({"guardrailConfig": {"guardrailIdentifier": "zq"}}),
    "own:promptVariables": Sample({"promptVariables": {"zq": {"text": "zqvalue"}}}),
    "own:performanceConfig": Sample({"performanceConfig": {"latency": "optimized"}}),
    "own:additionalModelRequestFields": Sample(_more(zqfield=7)),
    "own:additionalModelResponseFieldPaths": Sample({"additionalModelResponseFieldPaths": ["/zq"]}),
}  # fmt: skip

# ---- Cohere

COHERE: dict[str, Sample] = {
    **{
        name: CHAT[name]
        for name in (
            *("model", "messages", "max_tokens", "temperature", "seed", "frequency_penalty", "presence_penalty"),
            *("logprobs", "tools", "stream", "parts.image_url", "parts.image", "parts.tool_call", "parts.tool_result"),
            "parts.detail",
            *("messages.system_midway", "format.json_object"),
        )
    },
    "top_p": Sample({"p": 0.654}),
    "top_k": Sample({"k": 41}),
    "stop": Sample({"stop_sequences": ["zqstop"]}),
    "tools.strict": Sample({"tools": [_TOOL], "strict_tools": True}, "tools[0]"),
    "tool_choice": Sample({"tools": [_TOOL], "tool_choice": "NONE"}),
    "tool_choice.none": Sample({"tools": [_TOOL], "tool_choice": "NONE"}, "tool_choice"),
    "tool_choice.required": Sample({"tools": [_TOOL], "tool_choice": "REQUIRED"}, "tool_choice"),
    "format": Sample({"response_format": {"type": "json_object", "json_schema": STRICT}}),
    "format.json_schema": Sample({"response_format": {"type": "json_object", "json_schema": STRICT}}, "response_format"),
    "thinking": Sample({"thinking": {"type": "enabled"}}),
    "thinking_budget": Sample({"max_tokens": 16_000, "thinking": {"type": "enabled", "token_budget": 8191}}),
    "parts.thinking": Sample(
        {"messages": [_USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "zqthought"}, {"type": "text", "text": "zqsaid"}]}, _USER]},
        "messages[1].content[0]",
    ),
    "parts.citations": Sample(
        {"messages": [_USER, {"role": "assistant", "content": "zqsaid", "citations": [{"start": 0, "end": 3, "text": "zqs", "sources": []}]}, _USER]},
        "messages[1]",
    ),
    "own:messages.citations": Sample(_assistant(citations=[{"type": "PLAN", "start": 0, "end": 2}]), "messages[1].citations"),
    "own:part=document": Sample(
        {
            **_HISTORY,
            "messages": [
                *_HISTORY["messages"][:2],
                {"role": "tool", "tool_call_id": "zqcall1", "content": [{"type": "document", "document": {"data": "zqdata"}}]},
            ],
        },
        "messages[2].content[0]",
    ),
    "own:citation_options": Sample({"citation_options": {"mode": "fast"}}),
    "own:documents": Sample({"documents": ["zqdocument"]}),
    "own:safety_mode": Sample({"safety_mode": "STRICT"}),
    "own:priority": Sample({"priority": 3}),
    "own:raw_prompting": Sample({"raw_prompting": True}),
}  # fmt: skip

# ---- Ollama

_OLLAMA_HISTORY: Json = {
    "tools": [_TOOL],
    "messages": [
        _USER,
        {"role": "assistant", "content": "", "tool_calls": [{"id": "zqcall1", "function": {"name": "zqtool", "arguments": {"zqfield": "zqgiven"}}}]},
        {"role": "tool", "tool_call_id": "zqcall1", "content": "zqresult"},
    ],
}  # fmt: skip


def _options(**fields: Any) -> Json:
    return {"options": fields}


OLLAMA: dict[str, Sample] = {
    "model": Sample({}),
    "messages": CHAT["messages"],
    "tools": CHAT["tools"],
    "stream": CHAT["stream"],
    "max_tokens": Sample(_options(num_predict=7777)),
    "temperature": Sample(_options(temperature=0.321)),
    "top_p": Sample(_options(top_p=0.654)),
    "top_k": Sample(_options(top_k=41)),
    "stop": Sample(_options(stop=["zqstop"])),
    "seed": Sample(_options(seed=7321)),
    "frequency_penalty": Sample(_options(frequency_penalty=0.123)),
    "presence_penalty": Sample(_options(presence_penalty=0.234)),
    "logprobs": Sample({"logprobs": True}),
    "top_logprobs": Sample({"logprobs": True, "top_logprobs": 3}),
    "format": Sample({"format": STRICT}),
    "format.json_schema": Sample({"format": STRICT}, "format"),
    "format.json_object": Sample({"format": "json"}, "format"),
    "effort": Sample({"think": "high"}),
    "thinking": Sample({"think": True}),
    "parts.image": Sample({"messages": [{**_USER, "images": [PNG]}]}, "messages[0].images[0]"),
    "parts.tool_call": Sample(_OLLAMA_HISTORY, "messages[1].tool_calls[0]"),
    "parts.tool_result": Sample(_OLLAMA_HISTORY, "messages[2]"),
    "parts.thinking": Sample(_assistant(thinking="zqthought"), "messages[1].thinking"),
    "own:keep_alive": Sample({"keep_alive": "5m"}),
    "own:options": Sample(_options(num_ctx=4096)),
    "own:truncate": Sample({"truncate": False}),
    "own:shift": Sample({"shift": False}),
}

_MODEL: Json = {"model": "m"}
BASES: dict[str, Json] = {
    "openai-chat": {**_MODEL, "messages": [_USER]},
    "openai-responses": {**_MODEL, "input": HELLO},
    "openai-completions": {**_MODEL, "prompt": HELLO},
    "anthropic-messages": {**_MODEL, "max_tokens": 99, "messages": [_USER]},
    "gemini": {**_MODEL, "contents": [_HI]},
    "bedrock-converse": {"messages": [{"role": "user", "content": [_BLOCK]}]},
    "cohere-chat": {**_MODEL, "messages": [_USER]},
    "ollama-chat": {**_MODEL, "messages": [_USER]},
}
SAMPLES: dict[str, dict[str, Sample]] = {
    "openai-chat": CHAT,
    "openai-responses": RESPONSES,
    "openai-completions": COMPLETIONS,
    "anthropic-messages": MESSAGES,
    "gemini": GEMINI,
    "bedrock-converse": CONVERSE,
    "cohere-chat": COHERE,
    "ollama-chat": OLLAMA,
}
