"""Commands: definitions of work, read from files, checked, and filled with arguments."""
