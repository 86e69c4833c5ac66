"""Money: holds, journal, settlement, grants, recovery."""
