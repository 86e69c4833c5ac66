"""One gateway and one browser for all of these tests, which run one after the other in one process."""

import os
from collections.abc import Iterator

import pytest

from tests.servers import copied

pytest.importorskip("playwright")

from playwright.sync_api import Browser, sync_playwright

from tests.browser.house import CHROMIUM, House, Visit, build, launched, visit
from tests.e2e.processes import free_port

ALWAYS = ("test_first.py", "test_text.py", "test_sources.py")
"""What the ordinary run takes; ``make prove-browser`` takes all."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    later = [item for item in items if item.path.parent.name == "browser" and item.path.name not in ALWAYS]
    if later and os.environ.get("WALKS") != "all":
        items[:] = [item for item in items if item not in set(later)]
        config.hook.pytest_deselected(items=later)
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.timeout(300))  # the first of them builds the dashboard


@pytest.fixture(scope="package")
def dashboard() -> None:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    build()


@pytest.fixture(scope="package")
def idp_port() -> int:
    return free_port()


@pytest.fixture(scope="package")
def house(
    dashboard: None,
    postgres_url: str,
    postgres_template: str,
    idp_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    database = copied(postgres_url, postgres_template)
    house = launched(
        tmp_path_factory.mktemp("dashboard"),
        HEADGATE_DATABASE_URL=database,
        HEADGATE_PRIVATE_HOSTS=f"127.0.0.1:{idp_port}",
    )
    yield house
    assert house.gateway.stop() == 0


@pytest.fixture(scope="package")
def browser(dashboard: None) -> Iterator[Browser]:
    """Only while these tests run: as long as it is there, no event loop can be started in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def guest(browser: Browser, house: House) -> Iterator[Visit]:
    """A window in which nobody is signed in."""
    with visit(browser, house.url) as found:
        yield found


@pytest.fixture
def admin(browser: Browser, house: House) -> Iterator[Visit]:
    """A window in which the administrator is signed in."""
    with visit(browser, house.url) as found:
        yield found.signed_in(house.admin)
