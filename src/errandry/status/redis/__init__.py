"""Redis, or Valkey: a wire between processes, and a cache. Nothing is lost with it."""
