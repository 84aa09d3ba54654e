"""Tasks as nouns, and their rows in SQL."""
