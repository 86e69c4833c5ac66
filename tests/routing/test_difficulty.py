"""How often the judgement by words agrees with people: a small set, labelled by hand."""

import timeit
from functools import partial

import pytest

from headgate.routing.difficulty import judged
from tests.routing.options import Stated, candidates, sight

EASY = (
    "hi there!",
    "Thanks, that worked.",
    "What is the capital of Australia?",
    "Translate 'good morning' into Japanese.",
    "Who wrote Pride and Prejudice?",
    "Fix the grammar: she go to school yesterday",
    "Give me a synonym for happy.",
    "How many grams are in a pound?",
    "Classify the sentiment of this review as positive or negative: I loved it.",
    "Write a one line birthday wish for my aunt.",
    "Summarize in one sentence: The meeting was moved from Monday to Thursday at noon.",
    "What time zone is Lisbon in?",
    "Extract the e-mail address: write to bob@example.com today",
    "Rephrase politely: send me the file now",
    "When did the Berlin wall fall?",
    "Was ist die Hauptstadt von Kanada?",
    "Übersetze ins Englische: Wo ist der Bahnhof?",
    "Quelle est la capitale du Portugal ?",
    "¿Cuál es la capital de Perú?",
    "Name three fruits that are red.",
)
HARD = (
    "Prove that the square root of 2 is irrational, and explain how the proof generalizes to any prime.",
    "Analyze the trade-offs between eventual and strong consistency for a payment ledger, step by step.",
    "Design a rate limiter that works across three regions. Requirements: 1) at most 1% over, 2) survives a partition, "
    "3) under 5 ms. Justify each choice and compare it with an alternative.",
    "Compute the integral of x^2 * e^x and then evaluate it between 0 and 1; show that the series converges.",
    "Compare the monetary policies of the ECB and the Fed since 2008, evaluate their implications for inflation, and "
    "critique both.",
    "Here is my function:\n```python\ndef f(xs):\n    return sorted(xs)[len(xs)//2]\n```\nIt is wrong for even lengths "
    "and slow for large inputs. Refactor it, explain why the new one is O(n), and write a unittest.",
    "Given that a train leaves A at 60 km/h and another B at 80 km/h, 300 km apart, with a bird flying between them at "
    "120 km/h: first derive when they meet, then the distance of the bird, and finally explain how it changes when the "
    "first train is delayed by 20 minutes. Why does the order matter?",
    "Plan a migration of a monolith to services over six months: constraints are two teams, no downtime, and a fixed "
    "budget. Then list the risks, and after that a strategy to mitigate each.",
    "Diagnose this: our p99 latency doubles every day at noon, CPU is flat, GC is quiet, the database shows lock waits. "
    "What is the root cause, and how would you verify it?",
    "Optimize this SQL query: SELECT * FROM orders o JOIN users u ON u.id = o.user_id WHERE lower(u.email) = 'x' ORDER "
    "BY o.created; explain how the planner uses an index and compare two designs.",
    "What is the probability that two of 23 people share a birthday? Derive the equation and justify the approximation.",
    "Evaluate the architecture of event sourcing for a hospital: in depth, with implications for audits and deletion.",
    "Analysiere Schritt für Schritt, warum der Vertrag von Versailles scheiterte, und vergleiche ihn mit dem Wiener "
    "Kongress.",
    "Démontrez que la suite définie par u(n+1) = sqrt(2 + u(n)) converge, et justifiez chaque étape.",
    "Analiza y compara paso a paso las causas de las crisis de 1929 y 2008, y justifica cuál fue más grave.",
    "Explain how transformers compute attention, derive the gradient of the softmax, and reason about its stability.",
    "Find the eigenvalues of the matrix [[2,1],[1,2]], prove they are real, and explain how this generalizes.",
    "Write a thorough critique of utilitarianism, then a rebuttal, and finally evaluate which argument is stronger.",
    "Design a comprehensive test strategy for a compiler: fuzzing, differential tests, and proofs. Justify the order.",
    "Debug: my async function awaits a lock and never returns; here is the stack trace. Reason step by step about why.",
)
CODE = (HARD[5], HARD[9], "Refactor this typescript class: class A { get x() { return 1; } }", "def f(x): return x ==")


def test_it_agrees_with_people_nine_times_of_ten():
    right = sum(judged(text)[0] < 0.5 for text in EASY) + sum(judged(text)[0] >= 0.5 for text in HARD)
    assert right / (len(EASY) + len(HARD)) >= 0.9, [t for t in EASY if judged(t)[0] >= 0.5] + [
        t for t in HARD if judged(t)[0] < 0.5
    ]


def test_code_is_told_from_prose():
    assert all(judged(text)[1] for text in CODE)
    assert not any(judged(text)[1] for text in EASY)


@pytest.mark.parametrize(
    ("text", "first"), [(EASY[2], "small/m"), (HARD[1], "large/m"), (CODE[2], "coder/m"), ("", "small/m")]
)
def test_the_strategy_splits_by_it(text, first):
    from headgate.routing.policy import Policy

    options = candidates("large/m", "small/m", "coder/m")
    entry = {"kind": "complexity", "small": ["small"], "large": ["large/m"], "code": ["coder"]}
    chosen, _ = Policy("r", [entry], options).decide(sight(text=text), options, Stated(), 0.5)
    assert chosen[0].name == first


def test_even_the_longest_text_takes_no_time_that_would_be_felt():
    for text in ("a " * 4000, "((" * 4000, "x=" * 4000, "1 " * 4000, "\n" * 8000, "a" * 8000, " " * 8000, "{ " * 4000):
        assert timeit.timeit(partial(judged, text), number=1) < 1
