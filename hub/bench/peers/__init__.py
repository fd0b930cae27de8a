"""Other programs that do the work of a scenario, one per file: `python -m hub.bench.peers.NAME PORT`.

Each reads the URL of a nats-server from its standard input (it holds a password), serves plain HTTP on
127.0.0.1:PORT, stores what is posted to `/events` in the stream EVENTS, answers 2xx after the acknowledgement and
never before, and runs until it is killed or its standard input is closed.
"""
