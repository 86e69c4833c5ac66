"""Start TensorZero's embedded HTTP gateway, run in its own environment: arguments CONFIG and a file for the port."""

import os
import signal
import sys
from urllib.parse import urlsplit

import tensorzero  # type: ignore[import-not-found]  # only in that environment


def main(config: str, announcement: str) -> None:
    gateway = tensorzero._start_http_gateway(
        config_file=config, clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
    )
    with open(announcement + ".new", "w") as file:
        file.write(str(urlsplit(gateway.base_url).port))
    os.rename(announcement + ".new", announcement)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
