"""How an attempt is carried out: from the claim of a task to the record of its outcome."""
