"""What is cut, stopped, full or broken while it is in use, and what is true after."""
