"""JSON pointers (RFC 6901): how a fault names its place."""


def join(path: str, *parts: str | int) -> str:
    """Return the pointer to what lies at `parts` below `path`: keys and list indexes."""
    return path + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def parent(path: str) -> str:
    """Return the pointer to what holds the thing at `path`; the root holds itself."""
    return path.rpartition("/")[0]
