"""Providers: the catalogue of OpenAI-compatible services, and a folder or file only where code is needed."""
