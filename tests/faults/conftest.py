from collections.abc import Iterator

import pytest

from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway, free_port

ACCOUNTS = ("s401", "s402", "s403", "quota", "credit")
"""Faults that bench a whole account: each is committed by one of its own."""
SHORT = "timeouts: {connect: 1, headers: 2, first_token: 2, idle: 1, total: 20}"


@pytest.fixture(scope="session")
def wall() -> Wall:
    return Wall()


def account(fault: str, how: str) -> str:
    return f"{fault}-{how}" if fault in ACCOUNTS else "wall"


@pytest.fixture(scope="session")
def gateway(wall: Wall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    url = f"http://127.0.0.1:{wall.port}/v1"
    closed = f"http://127.0.0.1:{free_port()}/v1"
    price = "price: {input: 1.00, output: 2.00}"
    lines = [
        "providers:",
        f'  wall: {{kind: openai-compatible, base_url: "{url}", api_key: "sk-wall-secret-0123456789abcdef", {price}, {SHORT}}}',
        f'  spare: {{kind: openai-compatible, base_url: "{url}", api_key: "sk-spare-secret", {price}, {SHORT}}}',
        f'  closed: {{kind: openai-compatible, base_url: "{closed}", api_key: "sk-closed", {price}, {SHORT}}}',
        f'  claude: {{kind: anthropic, base_url: "http://127.0.0.1:{wall.port}", api_key: "sk-claude", {price}, {SHORT}}}',
        f'  locked: {{kind: openai-compatible, base_url: "{url}", api_key: "sk-locked", {price}, {SHORT}}}',
        f'  other: {{kind: openai-compatible, base_url: "{url}", api_key: "sk-other", {price}, {SHORT}}}',
        f'  plain: {{kind: openai-compatible, base_url: "https://127.0.0.1:{wall.port}/v1", api_key: "sk-tls", {price}}}',
        f'  nowhere: {{kind: openai-compatible, base_url: "http://nowhere.invalid/v1", api_key: "sk-no", {price}}}',
        f'  unpriced: {{kind: openai-compatible, base_url: "{url}", api_key: "sk-free", {SHORT}}}',
        *(
            f'  {name}-{how}: {{kind: openai-compatible, base_url: "{url}", api_key: "sk-own", {price}, {SHORT}}}'
            for name in ACCOUNTS
            for how in ("whole", "stream")
        ),
        "routes:",
        "  strict: {targets: [wall/good], unknown_fields: refuse}",
        "  claude-then-good: {targets: [claude/good_claude, spare/good]}",
        "  plain-then-good: {targets: [plain/any, spare/good]}",
        "  nowhere-then-good: {targets: [nowhere/any, spare/good]}",
        "  down-then-unpriced: {targets: [wall/s404:unpriced, unpriced/good, 'spare/good:priced']}",
        "  both-down: {targets: ['other/s401:both', 'spare/s503:both']}",
        "  no-retreat: {targets: ['wall/s503:stay', 'spare/good:stay'], failover: {error: false}}",
        "  no-hurry: {targets: ['wall/never:stay', 'spare/good:stay-slow'], failover: {timeout: false}}",
        "  larger: {targets: ['wall/too_long:larger', 'spare/good:larger'], failover: {context_overflow: true}}",
        "  lenient: {targets: ['wall/filtered:lenient', 'spare/good:lenient'], failover: {refusal: true}}",
        "  outage: {targets: ['wall/s503:outage', 'spare/s503:outage']}",
        "  bad-callers: {targets: ['wall/s400:crowd', 'spare/good:crowd']}",
        "  together: {targets: ['wall/late:together'], single_flight: true}",
        "  all-fail: {targets: ['wall/never:together'], single_flight: true}",
        "  refused-then-good: {targets: [closed/any, spare/good]}",
        *(
            f"  {name}-then-good-{how}: {{targets: ['{account(name, how)}/{name}:{how}', 'spare/good:after-{name}']}}"
            for name in FAULTS
            for how in ("whole", "stream")
        ),
    ]
    gateway = Gateway(tmp_path_factory.mktemp("faults"), config="\n".join(lines) + "\n").start()
    yield gateway
    assert gateway.stop() == 0
