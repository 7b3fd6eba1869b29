"""Publishing: one commit on the state of the Hub that was inspected, one tag, and a read-back with an empty cache.

Read `run` first. `conditions` says what may be published, `preflight` what the Hub holds, `_plan` what the commit does,
`card_edits` what people changed on the Hub; `fresh_load` loads the result as a stranger would.
"""
