"""The MCP facade: the same use cases as tools, for both eras of the protocol and every transport."""
