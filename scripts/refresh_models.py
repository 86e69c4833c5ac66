"""Make the package's tables of models anew: python scripts/refresh_models.py [--from-dir DIRECTORY]

The data is that of the newest litellm and genai-prices packages (both MIT), whose wheels pip fetches into a temporary
directory; DIRECTORY may hold the wheels, or the files in them, instead. Nothing of them is installed or run.
"""

import argparse
import sys
from pathlib import Path

from headgate.models.build import save, tables
from headgate.models.build.fetch import fetched, found
from headgate.models.table import SHIPPED


def main(arguments: list[str], directory: Path = SHIPPED) -> None:
    """Write the tables into *directory*."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--from-dir", type=Path)
    given = parser.parse_args(arguments)
    data = found(given.from_dir) if given.from_dir else fetched()
    made = tables(data.prices, data.more, versions=data.versions, date=data.date)
    save(made, directory)
    for kind, table in made.items():
        unpriced = sum(model.price is None for model in table.models)
        sys.stdout.write(f"{kind:12} {len(table.models):5} models, {unpriced} of them without a price\n")
    sys.stdout.write(f"{sum(len(table.models) for table in made.values())} models\n")


if __name__ == "__main__":
    main(sys.argv[1:])
