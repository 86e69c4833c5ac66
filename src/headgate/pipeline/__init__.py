"""The order of a request, and how it is run."""
