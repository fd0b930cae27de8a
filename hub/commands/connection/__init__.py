"""This machine's connection with a hub, as a connected solution: paired, renewed, kept."""
