"""The mining loop: train, serve, mine out of fold, train on the mined pairs, evaluate.

`plan` lays the stages out, `_stages` runs one, `run` runs all and goes on where it was stopped, `report` compares.
"""
