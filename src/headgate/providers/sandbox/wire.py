"""What the sandbox reads of a request in OpenAI's form. Fields it has no use for are accepted and ignored."""

from typing import Any

import msgspec


class Called(msgspec.Struct):
    """The function of a tool call."""

    name: str = ""
    arguments: str = ""


class ToolCall(msgspec.Struct):
    """A tool call that an earlier answer made."""

    id: str = ""
    function: Called = msgspec.field(default_factory=Called)


class Part(msgspec.Struct):
    """One part of a message; only text is read."""

    type: str
    text: str = ""


class Detail(msgspec.Struct):
    """One item of the reasoning that an earlier answer showed."""

    text: str | None = None
    signature: str | None = None
    format: str | None = None


class Message(msgspec.Struct):
    """One turn."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    reasoning_details: list[Detail] | None = None

    @property
    def text(self) -> str:
        """Its text, whatever form it came in."""
        content = self.content
        if isinstance(content, str):
            return content
        return "\n".join(part.text for part in content if part.text) if content else ""


class Function(msgspec.Struct):
    """A function that may be called."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """A tool; only functions have arguments that the sandbox can make up."""

    function: Function | None = None
    type: str = "function"


class Named(msgspec.Struct):
    """The name in a tool choice."""

    name: str


class Choice(msgspec.Struct):
    """A tool choice that names one function, or says something else that leaves the choice open."""

    function: Named | None = None


class JsonSchema(msgspec.Struct):
    """The schema of a response format."""

    schema: dict[str, Any] | None = None
    name: str = ""


class Format(msgspec.Struct):
    """The response format."""

    type: str = "text"
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct):
    """What a stream is to carry besides the answer."""

    include_usage: bool | None = False


class Chat(msgspec.Struct):
    """A chat request."""

    model: str
    messages: list[Message]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = 1
    stop: str | list[str] | None = None
    seed: int | None = None
    tools: list[Tool] | None = None
    tool_choice: str | Choice | None = None
    parallel_tool_calls: bool | None = True
    response_format: Format | None = None
    reasoning_effort: str | None = None
    metadata: dict[str, Any] | None = None


class Embed(msgspec.Struct):
    """An embeddings request."""

    model: str
    input: str | list[str | int | list[int]]
    dimensions: int | None = None
    encoding_format: str | None = "float"
    metadata: dict[str, Any] | None = None


class Judge(msgspec.Struct):
    """A request to moderate."""

    input: str | list[str | Part]
    model: str = "moderate"
    metadata: dict[str, Any] | None = None


class Rank(msgspec.Struct):
    """A request to rerank."""

    model: str
    query: str
    documents: list[str | dict[str, Any]]
    top_n: int | None = None
    return_documents: bool | None = False
    metadata: dict[str, Any] | None = None


class Draw(msgspec.Struct):
    """A request for pictures."""

    prompt: str
    model: str = "image"
    n: int | None = 1
    size: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    stream: bool | None = False
    partial_images: int | None = None
    metadata: dict[str, Any] | None = None


class Speak(msgspec.Struct):
    """A request to read a text aloud."""

    model: str
    input: str
    response_format: str | None = None
    stream_format: str | None = None
    metadata: dict[str, Any] | None = None


chat = msgspec.json.Decoder(Chat)
embed = msgspec.json.Decoder(Embed)
judge = msgspec.json.Decoder(Judge)
rank = msgspec.json.Decoder(Rank)
draw = msgspec.json.Decoder(Draw)
speak = msgspec.json.Decoder(Speak)
encode = msgspec.json.Encoder().encode
