"""What a tick of the reconciler costs while many incidents are open."""
