"""What one try leaves behind for the next."""

from headgate.dialects import anthropic_messages
from headgate.faultlab.wall import Wall
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, price: {input: 1, output: 2}}
  c: {kind: anthropic, base_url: "WALL", api_key: sk-c, price: {input: 1, output: 2}}
routes:
  two: {targets: ['a/s500:two', 'b/good:two']}
  mixed: {targets: ['c/s500:mixed', 'b/good:mixed'], on_unsupported: drop}
"""


async def test_a_target_that_is_not_clamped_is_asked_for_all(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        stage.books.room["a/s500:two"] = 300
        caller = await stage.ask("two", dialect=anthropic_messages, max_tokens=1000)
        asked = [attempt.body["max_tokens"] for attempt in wall.seen("s500:two") + wall.seen("good:two")]
        assert asked == [300, 300, 1000]
        assert "x-headgate-defaulted" not in caller.headers and stage.record.defaulted == ()


async def test_only_the_answering_targets_changes_are_told(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("mixed", max_tokens=50, seed=7)
        assert caller.status == 200
        assert stage.record.attempts[0].provider == "c", "which has no word for a seed"
        assert stage.record.dropped == () and stage.record.defaulted == ()
