"""Feedback: what people think of answers, and what that says of models, routes and prompts."""
