"""Mines preference pairs: from a supporter turn to candidates, each kept as a row or dropped with a reason.

Everything here is pure: functions from turns, requests and recorded outcomes to candidates. Read in this order:

* `turns`: supporter turns, and the rules on a human's turn alone.
* `candidate`: a candidate, a drop, and the rows that they become.
* `plan`: which requests a question becomes, for one spec and its models.
* `mine`: the conversation about one turn; `screen`: the one about a whole dialogue.
* `steps`: the implementation of every step that `schemas.steps` defines.
* `checks`, `reply_rules`, `closeness`, `panel`, `rewriting`, `trace_rules`: what these steps call.
"""
