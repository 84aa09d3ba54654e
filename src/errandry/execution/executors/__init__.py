"""What can carry out an attempt."""
