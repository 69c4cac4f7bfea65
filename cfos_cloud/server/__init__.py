"""The server daemon: its parts are made and put together here."""
