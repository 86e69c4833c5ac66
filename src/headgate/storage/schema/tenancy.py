"""Tenants, teams, apps, users, roles and who has them."""
