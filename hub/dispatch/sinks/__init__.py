"""Where deliveries go, one kind of sink per file."""
