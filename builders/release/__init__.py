"""A release in a folder: `layout` names its files, `read` and `write` handle them, `validate` checks every promise.

`rules`, `_row_checks`, `cross_tables` and `promises` are the checks of `validate`. `card_context` and `refresh` keep
the card and the other views true to the tables, `report` makes report.html, `diff/` compares two releases.
"""
