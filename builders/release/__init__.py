"""A release folder: its layout, how it is written, read and checked, and the views that show it.

In reading order:

- the folder: `layout` (files, splits, Arrow columns), `write`, `read`, `parts` (the one-file parts), `splits`;
- its checks: `findings`, `rules`, `_judge_rules`, `cross_tables`, `promises`, `validate`; for `verify`, `differences`;
- its views: `changelog`, `card_context`, `refresh`, `report`;
- two releases: `diff`.
"""
