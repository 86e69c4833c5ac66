"""The reference page of the translation contract, made from its tables: ``docs/reference/translation.md``.

``python -m headgate.dialects.contract.reference docs/reference`` writes it; a test fails while it is out of date.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from headgate.core.chat import Request
from headgate.dialects.contract import REFUSE, ROWS, TARGETS, Rule, column, openai_family, own_rules, words
from headgate.dialects.contract.openai_chat import KINDS

_TITLES = {
    "openai-chat": "Chat Completions",
    "openai-responses": "Responses",
    "openai-completions": "Completions",
    "anthropic-messages": "Messages",
    "gemini": "Gemini",
    "bedrock-converse": "Converse",
    "cohere-chat": "Cohere",
    "ollama-chat": "Ollama",
}
_SYSTEM = {"system", "instructions", "systemInstruction"}
"""What some formats call the first of the messages."""
_HEAD = """\
# What becomes of every field

A call goes to its model byte for byte where the model is reached in the caller's own wire format. Where it is not, it
is translated, and nothing that the caller said is lost in silence. Each field of a request is, for each target:

- **same**: carried under the same name;
- **→ `name`**: carried, as the target says it;
- **default**: carried; where the caller leaves it open the gateway supplies what the target needs, and says so in the
  header `x-headgate-defaulted`;
- **refused**: answered with 400 `unsupported_parameter`, which names the field, the target and what to do. With the
  header `x-headgate-on-unsupported: drop`, or `on_unsupported: drop` on the route, it is left out instead, and named
  in the header `x-headgate-dropped`;
- **dropped**: a hint, left out and named in `x-headgate-dropped`;
- **–**: left out, as it says nothing there.

A value that equals the default of the caller's format passes without a word. A field that its format does not define
is refused as `unknown_parameter`. The proof of a thought (a signature, encrypted reasoning) goes back to the API that
made it and to no other: in between it travels through the caller's own format unread.

Of answers, pictures go to every client whose format has room for them: `message.images` and `delta.images` in Chat
Completions, `image_generation_call` in Responses, `inlineData` in Gemini. What has no room is named in
`x-headgate-dropped` as `answer.image`, `answer.audio` or `answer.file`; a stream ends with an error instead.
"""


def pages() -> dict[str, str]:
    """Return the file names and contents of the reference."""
    return {"translation.md": "\n".join(_page()) + "\n"}


def fields(source: str) -> dict[str, str]:
    """Return the neutral fields that requests of *source* can say, with the source's own path of each."""
    known = words(source)
    lacks: frozenset[str] = getattr(known, "LACKS", frozenset())
    paths = {name: known.SPELLINGS.get(name, name) for name in Request.__struct_fields__ if name != "extra"}
    return {name: path for name, path in paths.items() if path.partition(".")[0] in known.FIELDS and name not in lacks}


def own(source: str) -> list[str]:
    """Return the fields that only *source* has, as the rules name them."""
    known = words(source)
    said = {path.partition(".")[0] for path in fields(source).values()} | set(getattr(known, "ALIASES", ())) | _SYSTEM
    ruled = {name for target in TARGETS if target != source for name in own_rules(source, target)}
    return sorted((known.FIELDS - said) | ruled, key=lambda name: ("." in name, "=" in name, name))


def _page() -> Iterator[str]:
    yield _HEAD
    yield from ("## What messages and tools hold", "", "The same for every format that callers speak.", "")
    rows = [(row, [(row, column(target).NEUTRAL.get(row, REFUSE)) for target in TARGETS]) for row in ROWS]
    yield from _table(TARGETS, rows)
    for source in TARGETS:
        others = tuple(target for target in TARGETS if target != source)
        yield from ("", f"## From {_TITLES[source]}", "")
        rows = [
            (path, [(name, column(target).NEUTRAL.get(name, REFUSE)) for target in others])
            for name, path in sorted(fields(source).items(), key=lambda pair: pair[1])
        ]
        roots = {path.partition(".")[0] for path in fields(source).values()}
        rows += [
            (
                _place(name, roots),
                [(_place(name, roots), own_rules(source, target).get(name, REFUSE)) for target in others],
            )
            for name in own(source)
        ]
        yield from _table(others, rows)
    yield from ("", "## Servers who copy Chat Completions", "", "What they do otherwise, by kind of provider.", "")
    yield from ("| kind | field | what happens |", "|---|---|---|")
    for kind, rules in KINDS.items():
        for name, rule in rules.items():
            yield f"| `{kind}` | `{name}` | {_cell(name, name, rule)} |"
    yield from ("", "A caller who speaks Chat Completions is passed on to them as it is, unless the request has a")
    yield "field that they take otherwise. What only Chat Completions has, they take so, unless a row of their own says"
    yield "else. Of an `openai-compatible` server nothing is known. What such a caller says goes there as it is, also"
    yield from ("that of the table above, but for what its rows here change. What it does not take it says itself.", "")
    yield from ("| kind | field | what happens |", "|---|---|---|")
    for kind, rules in {"each of them": openai_family.COMMON, **openai_family.OWN}.items():
        for name, rule in rules.items():
            yield f"| {kind if ' ' in kind else f'`{kind}`'} | `{name}` | {_cell(name, name, rule)} |"


def _table(targets: tuple[str, ...], rows: list[tuple[str, list[tuple[str, Rule]]]]) -> Iterator[str]:
    notes: dict[str, int] = {}
    yield "| field | " + " | ".join(_TITLES[target] for target in targets) + " |"
    yield "|---" * (len(targets) + 1) + "|"
    for path, rules in rows:
        cells = []
        for name, rule in rules:
            number = f" [{notes.setdefault(rule.when, len(notes) + 1)}]" if rule.when else ""
            cells.append(_cell(path, name, rule) + number)
        yield f"| `{path}` | " + " | ".join(cells) + " |"
    if notes:
        yield from ("", *(f"{number}. {note}" for note, number in notes.items()))


def _cell(path: str, name: str, rule: Rule) -> str:
    """Say what becomes of the field at *path* in its source, which *rule* knows as *name*."""
    if rule.act == "same" and name == "stream_usage":
        return "same"
    if rule.act in ("same", "map"):
        return "same" if path in (rule.to, name if not rule.to else "") else f"→ `{rule.to or name}`"
    return {"default": "default", "refuse": "**refused**", "ignore": "dropped", "silent": "–"}[rule.act]


def _place(name: str, roots: set[str]) -> str:
    if name in roots:
        return f"{name}: anything else"
    return name.replace("part.", "part: ").replace("part=", "part of type ")


if __name__ == "__main__":
    for name, content in pages().items():
        (Path(sys.argv[1]) / name).write_text(content, "utf-8")
