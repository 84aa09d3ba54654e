"""What `errandry doctor` looks at, one subject a module; none of them changes anything."""
