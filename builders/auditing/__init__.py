"""Audits of a release or any preference dataset: measures over its pairs, and gates that decide on them.

Read `run` first: it runs the measures over a source (`subjects`, `foreign`) in one pass and lets `gates` decide. Each
measure is one file; `_measure` has what they share, `_gate_measures` the bounds that each gate decides by.
"""
