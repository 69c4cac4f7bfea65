"""Side by side with other ways to reach a web server, on one machine."""
