"""The simulated cluster: what no development machine has, in one process."""
