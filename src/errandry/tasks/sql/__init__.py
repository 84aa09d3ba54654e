"""The task store: SQLAlchemy stays in here, rows never leave, every function is one transaction."""
