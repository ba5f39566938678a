"""`make bench-rules`: the rule files in a real Prometheus, against generated clusters."""
