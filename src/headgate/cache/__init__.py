"""Answers that were given before, given again: equal requests, and requests that ask the same in other words."""
