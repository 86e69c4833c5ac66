"""Routing: names to routes, routes to an ordered list of deployments."""
