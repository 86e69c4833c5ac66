"""The audit log, whose entries are chained."""
