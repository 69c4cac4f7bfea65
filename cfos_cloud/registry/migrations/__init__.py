"""How the tables came to be: Alembic's environment, in the package itself."""
