"""The harness counts what it should: bytes, good answers, CPU, memory, and the promises it judges."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks import bodies, chart, latency, limits, measure, process
from benchmarks.cases import BY_NAME, CASES, FIRST_BYTE
from benchmarks.load import Job, Loop, dechunk
from benchmarks.report import Report, promised
from benchmarks.results import Plan, Result, Round, Times
from benchmarks.steps import STEPS, time_one
from benchmarks.steps import measure as time_steps

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mock() -> Iterator[int]:
    argv = [sys.executable, "-m", "benchmarks.mock"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stdout
        yield int(running.stdout.readline())
        running.terminate()


def job(port: int, case: str, requests: int = 40) -> Job:
    one = BY_NAME[case]
    made = Job(port, one.door, one.body(one.model), concurrency=4, requests=requests, timeout=20, events=one.events)
    return made


def test_bodies_have_the_stated_sizes() -> None:
    for model in ("mock", "local/mock-paced", "tensorzero::model_name::mock-burst"):
        assert {len(bodies.small(model)), len(bodies.small(model, True)), len(bodies.messages(model))} == {540}
        assert len(json.loads(bodies.large(model))["messages"]) == 80
        assert len(bodies.large(model)) == 300_000
    assert len(bodies.chat_answer()) == 586


@pytest.mark.parametrize("case", [case.name for case in CASES if not case.name.startswith("translate")])
def test_every_load_is_answered_well(mock: int, case: str) -> None:
    tally = Loop(job(mock, case)).run()
    assert (tally.ok, tally.bad, tally.reconnects, tally.trouble) == (40, 0, 0, "")


def test_the_time_limit_of_a_load_holds(mock: int) -> None:
    one = job(mock, "small", requests=0)
    one.seconds = 0.2
    tally = Loop(one).run()
    assert tally.ok > 10
    assert 0.2 <= tally.seconds < 2


def answer_with(reply: bytes) -> tuple[socket.socket, int]:
    """A server that answers every connection once with *reply* and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("reply", "case"),
    [
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno", "small"),
        (OK + b"content-length: 400\r\n\r\n" + b"x" * 400, "small"),  # not the mock's text
        (OK + b"content-length: 4000\r\n\r\n" + bodies.REPLY_MARK * 30, "small"),  # cut short
        (OK + b"transfer-encoding: chunked\r\n\r\n", "stream"),  # never ended
    ],
)
def test_a_wrong_answer_is_not_counted_as_good(reply: bytes, case: str) -> None:
    listener, port = answer_with(reply)
    try:
        tally = Loop(job(port, case, requests=8)).run()
    finally:
        listener.close()
    assert (tally.ok, tally.bad) == (0, 8)
    assert tally.trouble


def test_an_answer_that_closes_its_connection_counts(mock: int) -> None:
    body = bodies.chat_answer()
    listener, port = answer_with(OK + b"\r\n" + body)
    try:
        tally = Loop(job(port, "small", requests=8)).run()
    finally:
        listener.close()
    assert (tally.ok, tally.bad) == (8, 0)


def test_a_silent_target_ends_the_load_at_the_hard_limit() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    one = job(listener.getsockname()[1], "small")
    one.timeout = 0.3
    tally = Loop(one).run()
    listener.close()
    assert tally.timed_out
    assert tally.seconds < 2


def test_events_cut_by_a_chunk_border_are_found() -> None:
    assert dechunk(b"4\r\nda: \r\n3\r\nxyz\r\n0\r\n\r\n") == b"da: xyz"


def test_both_sides_of_the_first_byte_are_timed(mock: int) -> None:
    one = FIRST_BYTE["stream"]
    asked = Job(mock, one.door, one.body(one.model), requests=10, timeout=20, events=one.events)
    times = latency.take_turns(asked, asked)
    assert (len(times.target), len(times.direct), times.trouble) == (10, 10, "")
    # The rest of this stream comes 2 ms after its first event: the first event alone was timed.
    assert min(times.target) < bodies.LATE_SECONDS


BURNER = """
import subprocess, sys, threading, time
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
burn(0.1)
thread = threading.Thread(target=burn, args=(0.1,)); thread.start(); thread.join()
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.15: pass"])
print("done", flush=True)
time.sleep(60)
"""


def test_cpu_counts_ended_threads_and_children(tmp_path: Path) -> None:
    with process.running("burner", [sys.executable, "-c", BURNER], tmp_path, process.cores()[0]) as burner:
        while "done" not in burner.log.read_text():
            assert burner.alive()
        assert 0.34 < measure.cpu_ns(burner) / 1e9 < 0.7
        assert 3e6 < measure.pss_bytes(burner) < 100e6
    assert not burner.alive()


def test_a_port_is_known_by_its_owner(tmp_path: Path) -> None:
    serve = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
    port = process.free_port()
    with process.running("one", [*serve, str(port)], tmp_path, process.cores()[0]) as one:
        found, took = one.wait_ready(lambda: port if process.status(port, "/") else None, 20)
        assert (found, took > 0) == (port, True)
        with process.running("two", [sys.executable, "-c", "input()"], tmp_path, process.cores()[0]) as two:
            assert not two.owns(port)


def test_a_target_that_ends_while_starting_says_why(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with (
        process.running("broken", argv, tmp_path, process.cores()[0]) as broken,
        pytest.raises(process.NotRun, match="status 1 while starting: no such thing"),
    ):
        broken.wait_ready(lambda: None, 20)


def measured(*values: float, rejected: str = "") -> list[Round]:
    return [Round(value, 1000.0, 0.9, 100, 0, 0.5, 1.0, True, 0.5, rejected) for value in values]


def test_rejected_rounds_are_kept_but_not_quoted() -> None:
    result = Result("headgate", rounds={"small": measured(9.0, rejected="utilisation 0.40") + measured(1.0, 3.0, 2.0)})
    middle = result.middle("small")
    assert middle and (middle.median, middle.least, middle.greatest, middle.rounds) == (2.0, 1.0, 3.0, 3)
    assert len(result.as_json()["cases"]["small"]["rounds"]) == 4


def example() -> dict[str, Result]:
    own = Result("headgate", rounds={"small": measured(0.10), "large": measured(0.9), "stream": measured(4.0)})
    own.first_byte = {"small": Times([0.0012] * 3, [0.0002] * 3)}
    own.memory = {"idle": 60.0, "100000": 62.0, "500000": 64.0}
    own.starts = [0.7, 1.4, 0.6]
    floor = Result("nginx", rounds={"small": measured(0.02), "large": measured(0.3), "stream": measured(2.0)})
    return {"headgate": own, "nginx": floor, "litellm": Result("litellm", not_run="no network")}


def test_promises_are_judged_by_ratios_within_one_run() -> None:
    checks = {check.name: check for check in promised(example())}
    assert checks["540-byte request, CPU against nginx"].met is True
    assert checks["300 KB request, CPU against nginx"].met is False
    assert checks["540-byte request, CPU against LiteLLM"].met is None
    assert checks["added time to first byte"].value == pytest.approx(1.0)
    assert checks["memory change from 100,000 to 500,000 requests"].value == pytest.approx(3.2258, rel=1e-3)
    assert checks["ready after a start"].value == 0.7


def test_the_report_is_json_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report.begin(Plan())
    report.results = example()
    report.steps = [time_one("nothing", lambda: None)]
    json.dumps(report.as_json())
    assert not report.met()
    report.print()
    shown = capsys.readouterr().out
    assert "not run: litellm: no network" in shown
    assert "missed" in shown


def test_the_chart_is_wellformed() -> None:
    tree = ElementTree.fromstring(chart.draw(example()))
    words = " ".join(element.text or "" for element in tree.iter())
    assert "540-byte request" in words
    assert "5.0 x nginx" in words


def test_every_step_can_be_timed() -> None:
    timings = time_steps()
    assert [timing.name for timing in timings] == [name for name, _ in STEPS]
    assert all(0 < timing.least <= timing.median < 5_000 for timing in timings)


def test_what_limits_cost_is_measured_with_keys_that_are_let_in() -> None:
    ratios = limits.measure("memory", keys=40, tenants=4, seconds=0.2, rounds=1)
    assert set(ratios) == set(limits.SPREADS) and all(ratio > 0 for ratio in ratios.values())
