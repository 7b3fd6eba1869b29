"""Work on a Ray cluster: the same conversations, completers and checks as in one process. No other package imports Ray.

* `connection`: connects to a cluster, turns its errors into ours, and maps a function over independent parts
  (`validate`, `audit`, `diff`).
* `run`: the entry point of a build, which distributes only the model calls.
* `_coordinator`: the actor that has the records, the budget and the rate limits of all workers.
* `_worker`: the actor that mines dialogues, and its client of the coordinator.
"""
