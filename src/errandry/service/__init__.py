"""The use cases, each once: scopes, decisions, one call of the store, one wake-up."""
