"""The walker of each dialect, by name: the list of what guardrails can look into stands here."""

from headgate.dialects.anthropic_text import MessagesWalker
from headgate.dialects.gemini_text import GeminiWalker
from headgate.dialects.openai_text import ChatWalker, CompletionsWalker
from headgate.dialects.other_text import PlainWalker
from headgate.dialects.responses_text import ResponsesWalker
from headgate.dialects.text import Walker

_messages, _gemini, _responses, _plain = MessagesWalker(), GeminiWalker(), ResponsesWalker(), PlainWalker()

WALKERS: dict[str, Walker] = {
    "openai-chat": ChatWalker(),
    "openai-completions": CompletionsWalker(),
    "openai-responses": _responses,
    "openai-input-tokens": _responses,
    "anthropic-messages": _messages,
    "anthropic-count-tokens": _messages,
    "gemini": _gemini,
    "gemini-array": _gemini,
    "gemini-count-tokens": _gemini,
    "gemini-embeddings": _gemini,
    "gemini-embed-content": _gemini,
    "openai-embeddings": _plain,
    "rerank": _plain,
    "openai-moderations": _plain,
    "openai-images": _plain,
    "openai-speech": _plain,
    "openai-transcriptions": _plain,
    "openai-translations": _plain,
}
