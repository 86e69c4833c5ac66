"""The gateway and its peers side by side, by the scheduler's own account of CPU: `make bench`."""
