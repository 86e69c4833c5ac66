"""What is never answered for another, whatever its score."""

import pytest

from headgate.cache.semantic.guards import mismatch, unfit
from headgate.cache.semantic.verifier import rarity
from headgate.cache.semantic.words import asked

APART = [
    ("numbers", "What is 5 percent of 80?", "What is 6 percent of 80?"),
    ("numbers", "Is Python 3.11 faster?", "Is Python 3.12 faster?"),
    ("numbers", "Name three colours of autumn", "Name four colours of autumn"),
    ("numbers", "Convert 10:30 to UTC", "Convert 11:30 to UTC"),
    ("names", "Who is the president of France?", "Who is the president of Germany?"),
    ("names", "How do I cook rice for Priyanka?", "How do I cook rice?"),
    ("names", "Is it safe to walk in Bogotá?", "Is it safe to walk in Medellín?"),
    ("negation", "Which foods contain gluten?", "Which foods do not contain gluten?"),
    ("negation", "Why can I sleep?", "Why can't I sleep?"),
    ("negation", "Can I travel with a visa?", "Can I travel without a visa?"),
    ("dates", "What is celebrated in May?", "What is celebrated in June?"),
    ("dates", "is the shop open on monday", "is the shop open on sunday"),
    ("opposite", "How do I increase the font size?", "How do I decrease the font size?"),
    ("opposite", "What are the advantages of solar power?", "What are the disadvantages of solar power?"),
    ("opposite", "who is older, tom or anna", "who is younger, tom or anna"),
    ("order", "How do I convert PDF to Word?", "How do I convert Word to PDF?"),
    ("order", "What is the cheapest way to fly from Paris to London?", "How do I fly from London to Paris?"),
    ("order", "Does Alice like Bob?", "Does Bob like Alice?"),
    ("language", "What is the meaning of life for you?", "Was ist der Sinn von meditation für dich?"),
    ("language", "what is tea", "что такое чай"),
    ("quoted", 'Translate "green tea" into French', 'Translate "black tea" into French'),
]
ALIKE = [
    ("How can I lose weight quickly?", "How do I lose weight quickly?"),
    ("What is the capital of France?", "what's the capital of france"),
    ("How big is the USA?", "How big is the United States of America?"),
    ("Name 3 colours", "Name three colours"),
    ("What is the difference between TCP and UDP?", "Difference between UDP and TCP?"),
    ("How do I get from Paris to London?", "How can I get from Paris to London"),
    ("Which good topics are there for a physics project?", "Which project topics are good for physics?"),
    ("Why don't cats swim?", "Why don’t cats swim?"),
]


@pytest.mark.parametrize(("why", "a", "b"), APART)
def test_what_must_agree(why: str, a: str, b: str) -> None:
    one, other = asked(a), asked(b)
    assert mismatch(one, other, a, b, rarity()) == why
    assert mismatch(other, one, b, a, rarity()) == why


@pytest.mark.parametrize(("a", "b"), ALIKE)
def test_what_only_reads_otherwise_agrees(a: str, b: str) -> None:
    assert mismatch(asked(a), asked(b), a, b, rarity()) == ""


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("time", "What is the weather today?"),
        ("time", "Who won the match last night?"),
        ("time", "Wie ist das Wetter morgen?"),
        ("time", "北京今天的天气怎么样？"),
        ("own", "What is the status of my last order?"),
        ("identifier", "Where is parcel AB12345678Z?"),
        ("identifier", "Write to <EMAIL_7f3a9c> about tea"),
        ("identifier", "Is jo@example.com a customer?"),
        ("code", "Why does this fail?\n```\nx = 1\n```"),
        ("empty", "?!"),
        ("too_long", "word " * 1000),
        ("", "How do plants grow?"),
    ],
)
def test_what_is_never_answered_for_another(why: str, text: str) -> None:
    assert unfit(text, asked(text)) == why
