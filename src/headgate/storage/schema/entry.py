"""How people and services sign in: sessions, tokens, identity providers."""
