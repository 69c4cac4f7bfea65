"""``/cloud/``: the devices of a site, for whoever is logged in to it."""
