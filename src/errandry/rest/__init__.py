"""The REST facade: parses, asks one service, renders. No rule of the product lives here."""
