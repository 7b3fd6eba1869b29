"""Publishing: one commit on top of the inspected state of the Hub, one tag, and a read-back with an empty cache.

Read `run` first. `conditions` decides what may be published, `preflight` inspects the Hub, `_plan` plans the commit,
`card_edits` handles changes of the card on the Hub, and `fresh_load` loads the result as a new reader does.
"""
