"""A request on its way up and its response on its way down, the same at both ends."""
