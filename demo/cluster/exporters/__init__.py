"""What the exporters of an agent print, in their real formats."""
