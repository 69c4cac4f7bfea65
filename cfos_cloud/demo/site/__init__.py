"""The simulated charging site: its model, its addresses, its cloud service."""
