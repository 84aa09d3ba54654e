"""The Tasks extension can be taken alone: it brings nothing of this product with it."""

import subprocess
import sys

SHOW = """
import sys
import errandry.mcp.tasks
print("\\n".join(name for name in sys.modules if name.split(".")[0] == "errandry"))
"""


def test_the_tasks_package_imports_nothing_else_of_this_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW], capture_output=True, text=True, check=True, timeout=60
    )
    own = {name for name in done.stdout.split() if not name.startswith("errandry.mcp.tasks")}
    assert own == {"errandry", "errandry.mcp"}
