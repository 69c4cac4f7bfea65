"""How the simulated site behaves: no I/O, time comes as a number of seconds."""
