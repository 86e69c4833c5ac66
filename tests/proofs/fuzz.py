"""Every reader of foreign bytes, fed broken ones: the only exceptions are our own, and nothing takes long."""

import itertools
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from headgate.config import ConfigError, Known, loads
from headgate.core.errors import HeadgateError
from headgate.dialects import (
    anthropic_messages,
    count_gemini,
    embeddings,
    gemini,
    gemini_array,
    gemini_embeddings,
    images,
    moderations,
    openai_chat,
    openai_completions,
    openai_responses,
    speech,
    transcriptions,
)
from headgate.dialects.base import Abilities
from headgate.dialects.cohere import CohereChat
from headgate.dialects.cohere_embed import CohereEmbed
from headgate.dialects.cohere_rerank import CohereRerank
from headgate.dialects.converse import bedrock_converse
from headgate.dialects.event_stream import Frames, encode
from headgate.dialects.json_guard import top_level
from headgate.dialects.ollama import OllamaChat
from headgate.dialects.ollama_embed import OllamaEmbed
from headgate.dialects.rerank import Rerank
from tests.proofs import Progress

SECONDS = 60.0  # for each reader
SLOWEST = 1.0

CHAT = b'{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"\\u00e4\\ud83d\\ude00"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"auto","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}},"max_tokens":5,"temperature":0.5,"stop":["a"],"stream":true,"stream_options":{"include_usage":true},"n":1,"user":"u"}'
MESSAGES = b'{"model":"m","max_tokens":5,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"c","name":"f","input":{"a":1e3}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"r"}],"is_error":false}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"},"stop_sequences":["x"],"metadata":{"user_id":"u"},"stream":true}'
EMBED = b'{"model":"m","input":["a",[1,2]],"encoding_format":"float","dimensions":8}'
COMPLETIONS = b'{"model":"m","prompt":"a","max_tokens":5,"logprobs":2,"stop":["a"],"n":1,"best_of":1,"echo":false,"suffix":"s","stream":true,"stream_options":{"include_usage":true},"logit_bias":{"5":1}}'
COMPLETIONS_REPLY = b'{"id":"i","object":"text_completion","created":1,"model":"m","choices":[{"text":"x","index":0,"logprobs":{"tokens":["x"],"token_logprobs":[-1.5],"top_logprobs":[{"x":-1.5}],"text_offset":[0]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
COMPLETIONS_STREAM = b'data: {"id":"i","object":"text_completion","created":1,"choices":[{"text":"a","index":0,"logprobs":{"tokens":["a"]},"finish_reason":null}],"model":"m"}\n\ndata: {"choices":[{"text":"","index":0,"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
CHAT_REPLY = b'{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
MESSAGE_REPLY = b'{"id":"i","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"x"},{"type":"tool_use","id":"c","name":"f","input":{}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}'
CHAT_STREAM = b'data: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}\n\ndata: {"id":"i","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]},"finish_reason":null}]}\n\ndata: {"id":"i","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
MESSAGE_STREAM = b'event: message_start\ndata: {"type":"message_start","message":{"id":"i","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\nevent: ping\ndata: {"type":"ping"}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
COHERE = b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"\\u00e4"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}}]},{"role":"assistant","tool_plan":"p","content":null,"citations":[{"start":0,"end":1,"sources":[{"type":"document","id":"d"}]}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"r"}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"strict_tools":true,"tool_choice":"REQUIRED","response_format":{"type":"json_object","json_schema":{}},"thinking":{"type":"enabled","token_budget":5},"max_tokens":5,"p":0.5,"k":3,"stop_sequences":["a"],"stream":true}'
COHERE_REPLY = b'{"id":"i","message":{"role":"assistant","tool_plan":"p","content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"x"}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}],"citations":[{"start":0,"end":1,"text":"x","content_index":1,"sources":[{"type":"tool","id":"c:0"}]}]},"finish_reason":"COMPLETE","logprobs":[{"text":"x","token_ids":[1],"logprobs":[-0.1]}],"usage":{"billed_units":{"input_tokens":1,"output_tokens":2.0},"tokens":{"input_tokens":9},"cached_tokens":8}}'
COHERE_STREAM = b'event: message-start\ndata: {"id":"i","type":"message-start","delta":{"message":{"role":"assistant"}}}\n\nevent: tool-plan-delta\ndata: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}}\n\nevent: content-start\ndata: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}\n\nevent: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"a"}}}}\n\nevent: citation-start\ndata: {"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":1,"sources":[]}}}}\n\nevent: tool-call-start\ndata: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c","function":{"name":"f","arguments":""}}}}}\n\nevent: tool-call-delta\ndata: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}\n\nevent: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":1,"output_tokens":2}}}}\n\ndata: [DONE]\n\n'
COHERE_EMBED = (
    b'{"model":"m","texts":["a"],"input_type":"search_query","embedding_types":["float"],"output_dimension":8}'
)
COHERE_VECTORS = (
    b'{"id":"i","embeddings":{"float":[[0.5,-1]],"base64":["AAAAPw=="]},"meta":{"billed_units":{"input_tokens":3}}}'
)
RERANK = b'{"model":"m","query":"q","documents":["a",{"text":"b"},{"t":1}],"top_n":2,"return_documents":true,"max_tokens_per_doc":9}'
RANKING = b'{"id":"i","results":[{"index":1,"relevance_score":0.9,"document":{"text":"b"}},{"index":0,"relevance_score":0}],"meta":{"billed_units":{"search_units":1}},"usage":{"total_tokens":5}}'
GEMINI = b'{"contents":[{"role":"user","parts":[{"text":"\\u00e4"},{"inlineData":{"mimeType":"image/png","data":"AA-_"}},{"fileData":{"fileUri":"gs://b/x","mimeType":"video/mp4"},"videoMetadata":{"fps":1}}]},{"role":"model","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{"a":1e3}},"thoughtSignature":"aGcxLltd"},{"executableCode":{"code":"1","language":"PYTHON"}}]},{"role":"model","parts":[{"text":""}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"r"},"parts":[{"inlineData":{"mimeType":"audio/wav","data":"AA=="}}]}}]}],"system_instruction":{"role":"user","parts":[{"text":"s"}]},"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":1,"nullable":true}},"propertyOrdering":["a"]}}]},{"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},"generationConfig":{"maxOutputTokens":5,"topK":40.0,"candidateCount":1,"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"},"thinkingConfig":{"thinking_budget":-1}},"safetySettings":[],"serviceTier":"flex"}'
GEMINI_REPLY = b'{"candidates":[{"content":{"parts":[{"text":"x"},{"functionCall":{"name":"f","args":{}},"thoughtSignature":"c2ln"}],"role":"model"},"finishReason":"STOP","index":0,"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[{"segment":{"endIndex":1},"groundingChunkIndices":[0]}]},"logprobsResult":{"chosenCandidates":[{"token":"x","logProbability":-1}]}}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"totalTokenCount":3},"modelVersion":"m","responseId":"i","createTime":"2025-12-19T23:45:33.943266Z"}'
GEMINI_STREAM = b'data: {"candidates":[{"content":{"parts":[{"text":"t","thought":true},{"text":"a","thoughtSignature":"c2ln"}],"role":"model"}}],"usageMetadata":{"promptTokenCount":1,"totalTokenCount":1},"modelVersion":"m","responseId":"i"}\r\n\r\ndata: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1e3}}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}\r\n\r\n'
GEMINI_ARRAY = b'[{"candidates":[{"content":{"parts":[{"text":"a\\"]}"}]}}]}\n,\r\n{"candidates":[{"content":{"parts":[]},"finishReason":1}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}\n]'
GEMINI_COUNT = b'{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"x"}]}]}}'
GEMINI_EMBED = b'{"requests":[{"model":"models/m","content":{"parts":[{"text":"x"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":8}]}'
GEMINI_ERROR = b'{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34.4s"},{"violations":[{"quotaId":"PerDay"}]}]}}'
OLLAMA = b'{"model":"m","messages":[{"role":"user","content":"\\u00e4","images":["iVBORw0KGgo="]},{"role":"assistant","content":"","thinking":"t","tool_calls":[{"function":{"name":"f","arguments":{"a":1e3}}}]},{"role":"tool","tool_name":"f","content":"r"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"format":{"type":"object"},"options":{"num_predict":5,"temperature":0.5,"stop":["a"],"num_ctx":8},"think":"low","stream":true,"keep_alive":"5m"}'
OLLAMA_REPLY = b'{"model":"m","created_at":"2026-08-07T06:08:11.017589Z","message":{"role":"assistant","content":"x","thinking":"t","tool_calls":[{"id":"c","function":{"index":0,"name":"f","arguments":{"a":1}}}]},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":2,"logprobs":[{"token":"x","logprob":-0.1}]}'
OLLAMA_STREAM = b'{"model":"m","created_at":"2026-08-07T06:08:11Z","message":{"role":"assistant","content":"a"},"done":false}\n{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}\n{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":2}\n'
OLLAMA_EMBED = b'{"model":"m","input":["a","b"],"dimensions":2,"truncate":true}'
RESPONSES = b'{"model":"m","instructions":"s","input":[{"role":"user","content":[{"type":"input_text","text":"\\u00e4\\ud83d\\ude00"},{"type":"input_image","image_url":"data:image/png;base64,AA=="}]},{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"hg1.[\\"x\\",\\"s\\"]"},{"type":"message","role":"assistant","id":"m","phase":"commentary","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation","url":"u"}],"logprobs":[]}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"r"}]},{"type":"item_reference","id":"i"}],"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]},"text":{"format":{"type":"json_schema","name":"x","schema":{}}},"reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"],"max_output_tokens":5,"store":false,"stream":true,"user":"u"}'
RESPONSE = b'{"id":"i","object":"response","created_at":1,"model":"m","status":"completed","error":null,"incomplete_details":null,"output":[{"id":"r","type":"reasoning","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"e"},{"id":"m","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[{"type":"url_citation","url":"u"}],"logprobs":[]}]},{"id":"f","type":"function_call","status":"completed","call_id":"c","name":"f","arguments":"{}"}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}'
RESPONSE_STREAM = b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"i","created_at":1,"model":"m","output":[]}}\n\nevent: response.output_item.added\ndata: {"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"f","call_id":"c","name":"f","arguments":""}}\n\nevent: response.function_call_arguments.delta\ndata: {"type":"response.function_call_arguments.delta","output_index":0,"item_id":"f","delta":"{}"}\n\nevent: response.output_text.delta\ndata: {"type":"response.output_text.delta","output_index":1,"content_index":0,"item_id":"m","delta":"a","logprobs":[]}\n\nevent: response.output_item.done\ndata: {"type":"response.output_item.done","output_index":2,"item":{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"e"}}\n\nevent: response.completed\ndata: {"type":"response.completed","response":{"id":"i","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":2}}}\n\n'
CONFIG = b'providers:\n  a: {kind: openai-compatible, base_url: "http://127.0.0.1:1/v1", price: {input: 1}}\nmodels:\n  a/m: {context: 10}\naliases: {x: a/m}\nroutes:\n  r: {targets: [a/m, a/n]}\nsteps: {}\n'
CONVERSE = b'{"system":[{"text":"s"},{"cachePoint":{"type":"default"}}],"messages":[{"role":"user","content":[{"text":"hi"},{"image":{"format":"png","source":{"bytes":"AA=="}}},{"document":{"name":"d","format":"txt","source":{"text":"x"}}}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"t","signature":"s"}}},{"citationsContent":{"content":[{"text":"c"}],"citations":[{"location":{"web":{"url":"u"}}}]}},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":1e3}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"json":{"a":1}}],"status":"error"}}]}],"inferenceConfig":{"maxTokens":5,"stopSequences":["x"]},"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"tool":{"name":"f"}}},"outputConfig":{"effort":"low","textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{}"}}}},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024},"top_k":5}}'
CONVERSE_REPLY = b'{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"t","signature":"s"}}},{"text":"x"},{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":1}}'
CONVERSE_STREAM = b'messageStart {"role":"assistant"}\ncontentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"t"}}}\ncontentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}\ncontentBlockDelta {"contentBlockIndex":1,"delta":{"text":"a"}}\ncontentBlockDelta {"contentBlockIndex":1,"delta":{"citation":{"title":"t","location":{"web":{"url":"u"}}}}}\ncontentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}\ncontentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{}"}}}\ncontentBlockStop {"contentBlockIndex":2}\nmessageStop {"stopReason":"tool_use"}\nmetadata {"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}'

TO = Abilities("m", "p/m")
cohere, cohere_embed, cohere_rerank, rerank = CohereChat(), CohereEmbed(), CohereRerank(), Rerank()
ollama, ollama_embed = OllamaChat(), OllamaEmbed()

TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xc3",
    b"\r",
    b"\n\n",
    b"data: ",
    b"event: error\n",
    b"[DONE]",
    b"0" * 400,
    b"[" * 70,
    b'{"error":{}}',
    b"\xef\xbb\xbf",
    b"\t",
    b"&a *a",
    b"<<: ",
]


def mutate(seed: bytes, rng: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at : at + rng.randrange(1, 20)] = b""
            case 1:
                data[at:at] = rng.choice(TOKENS)
            case 2:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 3:
                end = at + rng.randrange(1, 60)
                data[at:at] = data[at:end]
            case 4:
                data[at : at + rng.randrange(1, 8)] = rng.choice(TOKENS)
    return bytes(data)


def streamed(make: Callable[[], object]) -> Callable[[bytes, random.Random], None]:
    def target(data: bytes, rng: random.Random) -> None:
        reader = make()
        at = 0
        while at < len(data):
            size = rng.randrange(1, 90)
            reader.feed(data[at : at + size])  # type: ignore[attr-defined]
            at += size
        reader.close()  # type: ignore[attr-defined]

    return target


def framed(make: Callable[[], object]) -> Callable[[bytes, random.Random], None]:
    """Feed lines of a name and a payload as frames of an AWS event stream, whose checksums are right."""

    def target(data: bytes, rng: random.Random) -> None:
        frames = []
        for line in data.split(b"\n"):
            name, _, payload = line.partition(b" ")
            kind = rng.choice(("event", "event", "event", "exception", "error"))
            headers = {":message-type": kind, f":{kind}-type": name.decode("latin-1")[:100]}
            frames.append(encode(headers, payload))
        streamed(make)(b"".join(frames), rng)

    return target


def plain(read: Callable[[bytes], object]) -> Callable[[bytes, random.Random], None]:
    return lambda data, rng: void(read(data))


def again(
    read: Callable[[bytes], object], write: Callable[..., object], *args: object
) -> Callable[[bytes, random.Random], None]:
    """Read, and print what was read."""
    options = {"drop": True} if args else {}
    return lambda data, rng: void(write(read(data), *args, **options))


def void(_: object) -> None: ...


def config(data: bytes) -> object:
    return loads(data, {}, Known(kinds=frozenset({"openai-compatible"})))


def responses_again(data: bytes) -> None:
    request = openai_responses.read_request(data)
    for target in (openai_responses, openai_chat, anthropic_messages):
        target.write_request(request, Abilities("m", "p/m"), drop=True)


VECTORS = b'{"object":"list","data":[{"index":0,"embedding":[0.5,1e3]},{"index":1,"embedding":"AAAAPw=="}],"usage":{"prompt_tokens":3,"total_tokens":3}}'
TEXTS = b'{"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":8,"input_type":"query","user":"u"}'
JUDGE = b'{"model":"m","input":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"u"}}]}'
DRAW = b'{"model":"m","prompt":"a cat","n":2,"size":"1024x1024","quality":"low","stream":true,"partial_images":1}'
DRAWN = b'{"created":1,"data":[{"url":"u"}],"usage":{"input_tokens":3,"output_tokens":4,"input_tokens_details":{"image_tokens":1}}}'
SPEAK = b'{"model":"m","input":"hello","voice":"alloy","speed":1.5,"response_format":"wav","stream_format":"sse"}'
SPOKEN = b'{"text":"x","duration":"1.5","usage":{"type":"duration","seconds":7}}'
FORM_TYPE = b'multipart/form-data; boundary="a b"'
FORM = (
    b'--a b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--a b\r\nContent-Disposition: form-data; name="temperature"\r\n\r\n0.5\r\n'
    b'--a b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--a b--\r\n'
)
HEARD = transcriptions.envelope_form(FORM, FORM_TYPE)
MEDIA_STREAM = (
    b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"x"}\n\n'
    b'data: {"type":"transcript.text.delta","delta":"x"}\n\n'
    b'data: {"type":"transcript.text.done","usage":{"input_tokens":3,"output_tokens":4}}\n\ndata: [DONE]\n\n'
)

TARGETS: dict[str, tuple[bytes, Callable[[bytes, random.Random], None]]] = {
    "json guard": (CHAT, plain(top_level)),
    "chat envelope": (CHAT, plain(openai_chat.envelope)),
    "chat request": (CHAT, plain(openai_chat.read_request)),
    "chat reply": (CHAT_REPLY, plain(openai_chat.read_reply)),
    "chat sniff": (CHAT_REPLY, plain(openai_chat.sniff)),
    "chat tap": (CHAT_STREAM, streamed(lambda: openai_chat.tap(hide_usage=True))),
    "chat reader": (CHAT_STREAM, streamed(openai_chat.reader)),
    "chat error": (
        b'{"error":{"message":"m","type":"t","code":1}}',
        plain(lambda b: openai_chat.read_error(429, [(b"retry-after", b[:9])], b)),
    ),
    "messages envelope": (MESSAGES, plain(anthropic_messages.envelope)),
    "messages request": (MESSAGES, plain(anthropic_messages.read_request)),
    "messages reply": (MESSAGE_REPLY, plain(anthropic_messages.read_reply)),
    "messages tap": (MESSAGE_STREAM, streamed(lambda: anthropic_messages.tap(hide_usage=False))),
    "messages reader": (MESSAGE_STREAM, streamed(anthropic_messages.reader)),
    "responses envelope": (RESPONSES, plain(openai_responses.envelope)),
    "responses request": (RESPONSES, plain(responses_again)),
    "responses reply": (RESPONSE, plain(lambda b: openai_responses.write_reply(openai_responses.read_reply(b)))),
    "responses sniff": (RESPONSE, plain(openai_responses.sniff)),
    "responses tap": (RESPONSE_STREAM, streamed(lambda: openai_responses.tap(hide_usage=False))),
    "responses reader": (RESPONSE_STREAM, streamed(openai_responses.reader)),
    "embeddings envelope": (EMBED, plain(embeddings.envelope)),
    "embeddings request": (TEXTS, again(embeddings.read_request, embeddings.write_request, TO)),
    "embeddings reply": (VECTORS, again(embeddings.read_reply, embeddings.write_reply)),
    "moderations envelope": (JUDGE, plain(moderations.envelope)),
    "images envelope": (DRAW, plain(images.envelope)),
    "images sniff": (DRAWN, plain(images.sniff)),
    "speech envelope": (SPEAK, plain(speech.envelope)),
    "transcription envelope": (FORM, plain(lambda b: transcriptions.envelope_form(b, FORM_TYPE).patched("other"))),
    "transcription head": (FORM_TYPE, plain(lambda b: transcriptions.envelope_form(FORM, b))),
    "transcription sniff": (SPOKEN, plain(transcriptions.sniff)),
    "transcription guess": (SPOKEN, plain(lambda b: transcriptions.guess(HEARD, b, len(b)))),
    "media tap": (MEDIA_STREAM, streamed(lambda: images.tap(hide_usage=False))),
    "completions envelope": (COMPLETIONS, plain(openai_completions.envelope)),
    "completions request": (COMPLETIONS, plain(openai_completions.read_request)),
    "completions reply": (COMPLETIONS_REPLY, plain(openai_completions.read_reply)),
    "completions sniff": (COMPLETIONS_REPLY, plain(openai_completions.sniff)),
    "completions tap": (COMPLETIONS_STREAM, streamed(lambda: openai_completions.tap(hide_usage=True))),
    "completions reader": (COMPLETIONS_STREAM, streamed(openai_completions.reader)),
    "converse envelope": (CONVERSE, plain(lambda b: bedrock_converse.envelope_at(b, "m", stream=True))),
    "converse request": (CONVERSE, plain(bedrock_converse.read_request)),
    "converse reply": (CONVERSE_REPLY, plain(bedrock_converse.read_reply)),
    "converse sniff": (CONVERSE_REPLY, plain(bedrock_converse.sniff)),
    "converse tap": (CONVERSE_STREAM, framed(lambda: bedrock_converse.tap(hide_usage=False))),
    "converse reader": (CONVERSE_STREAM, framed(bedrock_converse.reader)),
    "converse error": (
        b'{"__type":"ThrottlingException","message":"m"}',
        plain(lambda b: bedrock_converse.read_error(429, [(b"x-amzn-errortype", b[:30])], b)),
    ),
    "event stream": (
        encode({":event-type": "x", "n": 5, "b": b"y"}, b"{}") * 3,
        lambda data, rng: void([frames.feed(data[i : i + 7]) for frames in [Frames()] for i in range(0, len(data), 7)]),
    ),
    "cohere envelope": (COHERE, plain(cohere.envelope)),
    "cohere request": (COHERE, again(cohere.read_request, cohere.write_request, TO)),
    "cohere reply": (COHERE_REPLY, again(cohere.read_reply, cohere.write_reply)),
    "cohere sniff": (COHERE_REPLY, plain(cohere.sniff)),
    "cohere tap": (COHERE_STREAM, streamed(lambda: cohere.tap(hide_usage=False))),
    "cohere reader": (COHERE_STREAM, streamed(cohere.reader)),
    "cohere error": (
        b'{"id":"i","message":"m"}',
        plain(lambda b: cohere.read_error(429, [(b"retry-after", b[:9])], b)),
    ),
    "cohere embed": (COHERE_EMBED, again(cohere_embed.read_request, cohere_embed.write_request, TO)),
    "cohere vectors": (COHERE_VECTORS, again(cohere_embed.read_reply, cohere_embed.write_reply)),
    "rerank request": (RERANK, again(rerank.read_request, cohere_rerank.write_request, TO)),
    "rerank reply": (RANKING, again(rerank.read_reply, rerank.write_reply)),
    "gemini envelope": (GEMINI, plain(lambda b: gemini.envelope_at(b, "m", stream=True))),
    "gemini request": (GEMINI, again(gemini.read_request, gemini.write_request, TO)),
    "gemini reply": (GEMINI_REPLY, again(gemini.read_reply, gemini.write_reply)),
    "gemini sniff": (GEMINI_REPLY, plain(gemini.sniff)),
    "gemini tap": (GEMINI_STREAM, streamed(lambda: gemini.tap(hide_usage=False))),
    "gemini reader": (GEMINI_STREAM, streamed(gemini.reader)),
    "gemini array tap": (GEMINI_ARRAY, streamed(lambda: gemini_array.tap(hide_usage=False))),
    "gemini array reader": (GEMINI_ARRAY, streamed(gemini_array.reader)),
    "gemini count": (GEMINI_COUNT, again(count_gemini.read_request, count_gemini.write_request, TO)),
    "gemini embed": (GEMINI_EMBED, again(gemini_embeddings.read_request, gemini_embeddings.write_request, TO)),
    "gemini error": (GEMINI_ERROR, plain(lambda b: gemini.read_error(429, [], b))),
    "ollama envelope": (OLLAMA, plain(ollama.envelope)),
    "ollama request": (OLLAMA, again(ollama.read_request, ollama.write_request, TO)),
    "ollama reply": (OLLAMA_REPLY, again(ollama.read_reply, ollama.write_reply)),
    "ollama sniff": (OLLAMA_REPLY, plain(ollama.sniff)),
    "ollama tap": (OLLAMA_STREAM, streamed(lambda: ollama.tap(hide_usage=False))),
    "ollama reader": (OLLAMA_STREAM, streamed(ollama.reader)),
    "ollama embed": (OLLAMA_EMBED, again(ollama_embed.read_request, ollama_embed.write_request, TO)),
    "configuration": (CONFIG, plain(config)),
}


def prove(scale: float, folder: Path, progress: Progress) -> str:
    seconds, execs = max(SECONDS * scale, 0.05), 0
    spawned = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    workers = os.cpu_count() if scale >= 0.1 else 1  # at the reduced size other tests run beside it
    with ProcessPoolExecutor(workers, mp_context=spawned) as pool:
        for number, done in enumerate(pool.map(one, TARGETS, itertools.repeat(seconds))):
            execs += done
            progress(number + 1, len(TARGETS))
    return f"{execs:,} broken inputs to {len(TARGETS)} readers: no exception but our own, none over {SLOWEST:.0f} s"


def one(name: str, seconds: float) -> int:
    """Feed one reader; return with how many inputs."""
    seed, target = TARGETS[name]
    rng = random.Random(f"{name} {seconds}")
    execs, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        data = mutate(seed, rng)
        began = time.thread_time()
        try:
            target(data, rng)
        except (HeadgateError, ConfigError):
            pass
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} for {data!r}") from error
        took = time.thread_time() - began  # of its own work: a busy machine is not its fault
        assert took < SLOWEST, f"{name} took {took:.1f} s for {data!r}"
        execs += 1
    return execs
