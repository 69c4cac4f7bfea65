"""What takes minutes, or wants the machine for itself: ``make slow``."""
