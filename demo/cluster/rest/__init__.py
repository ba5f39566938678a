"""The REST interface of the simulated master, one module per area."""
