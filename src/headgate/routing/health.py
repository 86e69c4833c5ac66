"""What is known of every deployment now: fed by attempts as they end, read by strategies and by the next attempt.

Each process has its own, in memory. Workers of one gateway find out for themselves; what they found is shown by worker.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from math import inf
from time import monotonic

import msgspec

from headgate.core.errors import AnswerFailed, UpstreamFailed
from headgate.providers.base import Target
from headgate.providers.breaker import Breaker, State
from headgate.routing.budget import RetryBudget
from headgate.routing.statistics import Statistics
from headgate.routing.types import Measured
from headgate.storage.switches import Hand

MAX_DEPLOYMENTS = 4096  # names that callers make up must not grow memory
ACCOUNT = 60.0  # seconds for which an account is left alone whose credential or money is gone, or a model that is gone
OWN_FAULTS = frozenset((
    "upstream_connect_error", "upstream_tls_error", "upstream_timeout", "upstream_unavailable", "upstream_error",
    "upstream_rate_limited", "upstream_invalid_response", "upstream_stream_interrupted", "upstream_redirect",
))  # fmt: skip
"""What counts against a deployment. Nothing that its caller may have brought about is among them."""
ACCOUNTS = frozenset(("upstream_auth_error", "upstream_quota_exhausted"))
PANIC = 10
EMPTY = Measured()


class Deployment:
    """Everything that is known of one ``provider/model``."""

    __slots__ = ("account", "breaker", "budget", "measured", "name", "panics", "statistics")

    def __init__(self, name: str, account: "Account", *, shared: bool) -> None:
        self.name = name
        self.account = account
        self.breaker = Breaker(shared=shared)
        self.panics = 0
        """Calls that met it shut, with everything else."""
        self.statistics = Statistics()
        self.measured = self.statistics.measured
        self.budget = RetryBudget(account.budget)


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What may be shown of one deployment, or of an account."""

    name: str
    """``provider/model``, the provider, or one of its keys: ``provider#1``."""
    state: State
    reason: str = ""
    wait: float = 0.0
    """Seconds until it is tried again."""
    measured: Measured | None = None


class Account:
    """What is known of one provider: whether its credential works, and how many retries it has had."""

    __slots__ = ("breaker", "budget", "name")

    def __init__(self, name: str, *, shared: bool) -> None:
        self.name = name
        self.breaker = Breaker(shared=shared)
        self.budget = RetryBudget()


class Health:
    """The standing of every deployment (see :class:`headgate.routing.types.Standing`)."""

    def __init__(self, clock: Callable[[], float] = monotonic, *, shared: bool = False) -> None:
        """*clock* gives monotonic seconds. With *shared*, what is shut is tried when :meth:`heard` gives leave."""
        self._clock = clock
        self._shared = shared
        self._proven: list[str] = []
        self.keys: Mapping[str, Sequence[Breaker]] = {}
        """What is known of each key, by account, of those that have several."""
        self.generation = 0
        """See ``Standing``."""
        self._deployments: dict[str, Deployment] = {}
        self._accounts: dict[str, Account] = {}
        self._by_hand: dict[str, Hand] = {}
        self._watched: set[Breaker] = set()
        """Those that are not closed; while there are none, nobody need look."""

    def of(self, target: str) -> Measured:
        """See ``Standing.of``."""
        found = self._deployments.get(target)
        return EMPTY if found is None else found.measured

    def shut(self, target: str) -> str | None:
        """See ``Standing.shut``."""
        if not self._watched:
            return None
        now = self._clock()
        account = self._accounts.get(target.partition("/")[0])
        why = account.breaker.shut(now) if account is not None else None
        if why is None:
            found = self._deployments.get(target)
            why = found.breaker.shut(now) if found is not None else None
        return why

    @property
    def quiet(self) -> bool:
        """Nothing is shut, and nothing waits for a probe."""
        return not self._watched

    def at(self, target: Target) -> Deployment:
        """Return what is known of *target*."""
        return self._deployments.get(target.name) or self._new(target)

    def enter(self, deployment: Deployment, *, again: bool = False, counted: bool = False) -> bool:
        """Count a call in; return whether it is a probe.

        *again* where its account has been asked for it already, *counted* where that is counted as a retry already.
        """
        now = self._clock()
        deployment.measured.inflight += 1
        if not counted:
            deployment.budget.count(now, again=again)
        if not self._watched:
            return False
        probe = deployment.breaker.enter(now)
        return deployment.account.breaker.enter(now) or probe

    def answered(self, deployment: Deployment, latency_ms: float, first_ms: float | None, output_tokens: int) -> None:
        """Count a good answer out."""
        deployment.measured.inflight -= 1
        deployment.statistics.answered(latency_ms, first_ms, output_tokens)
        self._worked(deployment)

    def failed(self, deployment: Deployment, error: UpstreamFailed, *, probe: bool, counts: bool) -> None:
        """Count a failure out; one that does not count was its caller's doing, or about one key of several."""
        deployment.measured.inflight -= 1
        breaker, account, now = deployment.breaker, deployment.account.breaker, self._clock()
        if counts and error.code in OWN_FAULTS:
            deployment.statistics.failed()
            breaker.failed(now, f"{deployment.name} failed again and again, the last time with {error.code}")
            if error.wait and error.upstream_status in (429, 503, 529):
                breaker.bench(now, error.wait, f"{deployment.name} asked to wait", "wait")
        elif counts and error.code in ACCOUNTS:
            deployment.statistics.failed()
            account.bench(now, ACCOUNT, f"{deployment.name.partition('/')[0]} refused its credential", "account")
        elif counts and error.code == "upstream_model_not_found":
            breaker.bench(now, ACCOUNT, f"{deployment.name} is not known to its provider", "account")
        elif not error.retry or isinstance(error, AnswerFailed):
            self._worked(deployment)  # it answered, and was right to refuse, or its model failed at this request
        for one in (breaker, account):
            if probe:
                one.gave_up()
            if one.until:
                self._watched.add(one)

    def left(self, deployment: Deployment, *, probe: bool) -> None:
        """Count a call out that says nothing: its caller left, or the gateway refused it before it was sent."""
        deployment.measured.inflight -= 1
        if probe:
            deployment.breaker.gave_up()
            deployment.account.breaker.gave_up()

    def proven(self, deployment: Deployment) -> None:
        """A probe's answer has begun: that is proof enough, however long the rest of it takes."""
        self._worked(deployment)

    def panic(self, target: Target) -> bool:
        """Whether a call is let through to *target* though all are shut: one in ten is, or nobody would find out."""
        found = self.at(target)
        found.panics += 1
        return found.panics % PANIC == 1

    def wanted(self) -> list[str]:
        """Return what should be tried, and only by who has leave to."""
        now = self._clock()
        return [name for name, one in self._shut() if one.wants(now)] if self._shared and self._watched else []

    def news(self) -> list[str]:
        """Return what was found to work again since this was asked last."""
        found, self._proven = self._proven, []
        return found

    def heard(self, mine: Collection[str], proven: Mapping[str, float], lease: float) -> None:
        """Take up that this process may try what is *mine* within *lease* seconds, and what others found to work.

        *proven* has the seconds since then: what was shut after that stays shut.
        """
        now = self._clock()
        for name, one in self._shut():
            if name in mine:
                one.allow(now + lease)
            if name in proven and one.since < now - proven[name] and one.hand is None:
                one.close()
                self._watched.discard(one)

    def _shut(self) -> list[tuple[str, Breaker]]:
        found = [(d.name, d.breaker) for d in self._deployments.values() if d.breaker in self._watched]
        return found + [(name, a.breaker) for name, a in self._accounts.items() if a.breaker in self._watched]

    def wait(self, target: Target) -> float:
        """Seconds until *target* may be called; ``inf`` where it was switched off by hand."""
        found = self.at(target)
        longest = max(found.breaker, found.account.breaker, key=_end)
        return max(_end(longest) - self._clock(), 0.0)

    def kind(self, target: Target) -> str:
        """Why *target* is shut, in one word: ``hand``, ``wait``, ``account`` or ``faults``."""
        found = self.at(target)
        if "open" in (found.breaker.hand, found.account.breaker.hand):
            return "hand"
        return found.account.breaker.kind or found.breaker.kind

    def set_by_hand(self, wanted: Mapping[str, Hand]) -> None:
        """Take over what people have set, by ``provider/model`` or provider; what is not named is measured again."""
        for name in {*self._by_hand, *wanted}:
            provider, slash, _ = name.partition("/")
            account = self._account(provider)
            breaker = self._known(name, account).breaker if slash else account.breaker
            breaker.hand = wanted.get(name)
            if breaker.hand is not None:
                self._watched.add(breaker)
            elif not breaker.until:
                self._watched.discard(breaker)
        self._by_hand = dict(wanted)

    def told(self) -> list[Told]:
        """Return what may be shown of every deployment that was called, and of accounts that are not as ever."""
        now = self._clock()
        rows = [
            Told(name, d.breaker.state(now), d.breaker.reason, _left(d.breaker, now), copy(d.measured))
            for name, d in self._deployments.items()
        ]
        rows += [
            Told(name, a.breaker.state(now), a.breaker.reason, _left(a.breaker, now))
            for name, a in self._accounts.items()
            if a.breaker.until or a.breaker.hand
        ]
        rows += [
            Told(f"{name}#{number}", one.state(now), one.reason, _left(one, now))
            for name, breakers in self.keys.items()
            for number, one in enumerate(breakers, 1)
        ]
        return rows

    def _worked(self, deployment: Deployment) -> None:
        deployment.breaker.worked()
        if not self._watched:
            return
        account = deployment.account
        account.breaker.worked()  # which is only ever benched, so that nothing is counted there
        for name, breaker in ((deployment.name, deployment.breaker), (account.name, account.breaker)):
            if not breaker.until and breaker.hand is None and breaker in self._watched:
                self._watched.discard(breaker)
                if self._shared:
                    self._proven.append(name)

    def _new(self, target: Target) -> Deployment:
        return self._known(target.name, self._account(target.provider.name))

    def _account(self, name: str) -> Account:
        found = self._accounts.get(name)
        if found is None:
            found = self._accounts[name] = Account(name, shared=self._shared)
        return found

    def _known(self, name: str, account: Account) -> Deployment:
        found = self._deployments.get(name)
        if found is None:
            if len(self._deployments) >= MAX_DEPLOYMENTS:
                self._forget()
            found = self._deployments[name] = Deployment(name, account, shared=self._shared)
            self.generation += 1
        return found

    def _forget(self) -> None:
        """Drop the half that was used longest ago, but for what is in use or set by hand."""
        idle = [d for d in self._deployments.values() if not d.measured.inflight and d.breaker.hand is None]
        idle.sort(key=lambda d: d.measured.used_at)
        for deployment in idle[: len(idle) // 2 + 1]:
            del self._deployments[deployment.name]
            self._watched.discard(deployment.breaker)


def _end(breaker: Breaker) -> float:
    return inf if breaker.hand == "open" else 0.0 if breaker.hand == "closed" else breaker.until


def _left(breaker: Breaker, now: float) -> float:
    return round(max(breaker.until - now, 0.0), 3) if breaker.until else 0.0
