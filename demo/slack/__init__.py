"""A simulated Slack workspace: the Web API, a page that shows it, and switches for its faults."""
