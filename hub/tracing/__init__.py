"""Where spans go: kept for `hub trace`, and sent to a collector when one is named. Off the way of events."""
