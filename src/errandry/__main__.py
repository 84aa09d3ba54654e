"""The `errandry` program. `errandry mcp` turns off here, before anything heavy is imported."""

import sys


def main() -> int:
    """Run the program; return its exit status."""
    if sys.platform == "win32":
        sys.stderr.write(
            "errandry runs on Linux and macOS. On Windows, install and run it inside WSL"
            " (https://learn.microsoft.com/windows/wsl/install); an MCP client outside starts it as"
            " `wsl errandry mcp`.\n"
        )
        return 1
    if sys.argv[1:2] == ["mcp"]:
        from errandry import pump  # noqa: PLC0415 - each way imports only what it needs

        return pump.main(sys.argv[2:])
    from errandry.cli.main import main as run_verb  # noqa: PLC0415 - see above

    return run_verb(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
