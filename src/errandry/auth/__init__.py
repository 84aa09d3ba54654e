"""Tokens: which keys are trusted, what a token must say, and how the local ones are made."""
