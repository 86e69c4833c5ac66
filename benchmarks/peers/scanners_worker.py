"""Reads texts, and tells what the rules of Presidio or of LLM Guard find in them; runs in an environment of its own.

Neither may load a model: names and addresses are what models are for. LLM Guard imports torch and transformers before it
knows that no scanner asked for needs them; modules with nothing in them take their place.
"""

import json
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from time import perf_counter
from types import ModuleType
from typing import Any

import spacy  # type: ignore[import-not-found,unused-ignore]
import tldextract  # type: ignore[import-not-found,unused-ignore]
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # type: ignore[import-not-found,unused-ignore]
from presidio_analyzer.nlp_engine import SpacyNlpEngine  # type: ignore[import-not-found,unused-ignore]

MODELS = ("torch", "transformers", "tokenizers", "nltk", "tiktoken")
LLM_GUARD_LEAST = 0.5
"""The score from which LLM Guard's `Anonymize` takes a find, unless told otherwise."""


class Blank(SpacyNlpEngine):  # type: ignore[misc,unused-ignore]
    """Cuts texts into words, and knows nothing of them."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "en"}])
        self.nlp = {"en": spacy.blank("en")}


class Empty(type):
    """A class that has whatever is asked of it."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return empty(name)


def empty(name: str) -> Any:
    """Return something that can be subclassed, made, called as a decorator, and that is false."""
    methods = {
        "__init__": lambda self, *_, **__: None,
        "__call__": lambda self, *given: given[0] if given else self,
        "__bool__": lambda self: False,
    }
    return Empty(name, (), methods)


class Module(ModuleType):
    """A module with nothing in it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return empty(name)


class Instead(MetaPathFinder, Loader):
    """Imports empty modules for what runs models."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in MODELS else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Module(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...


def presidio() -> tuple[AnalyzerEngine, float]:
    """Presidio with all its English recognizers that are patterns, and the score a find needs."""
    nlp = Blank()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=nlp)
    registry.remove_recognizer("SpacyRecognizer")
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"]), 0.0


def llm_guard() -> tuple[AnalyzerEngine, float]:
    """The rules of LLM Guard's `Anonymize`: Presidio's, and patterns of its own."""
    sys.meta_path.append(Instead())
    from llm_guard.input_scanners.anonymize_helpers import (  # type: ignore[import-not-found,unused-ignore]
        analyzer,
        regex_patterns,
    )
    from presidio_analyzer import EntityRecognizer

    class Nothing(EntityRecognizer):  # type: ignore[misc,unused-ignore]
        """Where its model for names would be."""

        def load(self) -> None: ...

        def analyze(self, *_: Any, **__: Any) -> list[Any]:
            return []

    analyzer._get_nlp_engine = lambda languages: Blank()
    nothing = Nothing(supported_entities=["PERSON"], supported_language="en")
    return analyzer.get_analyzer(nothing, regex_patterns.get_regex_patterns(), [], ["en"]), LLM_GUARD_LEAST


def main() -> None:
    """Read a list of texts; write for each what was found, and the milliseconds that took."""
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # its own list of domains, none from the network
    out, sys.stdout = sys.stdout, sys.stderr  # LLM Guard logs to where the answer goes
    engine, least = {"presidio": presidio, "llm_guard": llm_guard}[sys.argv[1]]()
    texts = json.load(sys.stdin)
    for text in texts[:3]:
        engine.analyze(text, language="en")  # once, before it counts
    told = []
    for text in texts:
        began = perf_counter()
        found = engine.analyze(text, language="en", score_threshold=least)
        taken = (perf_counter() - began) * 1000
        told.append({"found": [(one.start, one.end, one.entity_type) for one in found], "ms": taken})
    json.dump(told, out)


if __name__ == "__main__":
    main()
