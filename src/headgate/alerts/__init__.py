"""Alerts: rules over what calls came to and how the gateway does, and who is told."""
