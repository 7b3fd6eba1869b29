"""Evaluation of planners and responders over the test split of a release.

Read `run` first. `options` opens the models, `generate` asks them, `_judging` has their replies judged, `score`
computes the metrics and `tables` prints them. `predictions` reads the answers of other systems.
"""
