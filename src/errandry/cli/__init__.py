"""The command line: verbs that start a server, and verbs that are clients of one.

`parser` knows every verb and flag and imports next to nothing; a verb's own module, and what it
needs, is imported when the verb is used.
"""
