"""The soak: one hub under a steady load for long, with failures, and days that pass in a minute. Nothing may grow.

Events come at a rate; an HTTP sink and a Function get each of them, fail on purpose now and then, and so have some
tried again and some given up. Meanwhile a connected solution comes and goes, dead letters are replayed and dropped,
and everything that is kept for days is kept for minutes. Processes and streams are looked at again and again: what
they take after the warm-up must be what they take at the end, and each event must have arrived.
"""
