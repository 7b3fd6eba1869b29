"""Work on a Ray cluster: `run` collects the answers of a build, `connection` runs other work in parallel.

One `_coordinator` process holds the records, the budget and the rate limits; a `_worker` asks it before every call.
"""
