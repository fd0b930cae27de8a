"""One scenario per file: `run(bench)` loads the hub in one way and returns what it found."""
