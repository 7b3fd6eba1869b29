"""The baseline models, named `corpus`: fitted on the training dialogues, without network or downloads.

`models` fits and measures them, `_completer` answers requests with them: `planner` samples strategies, `_responder`
retrieves replies, `_reasoner` writes traces, and `_rubric` judges by rules on words (`text`, `_words`). They answer
from `Request.ask` and draw with the request's seed, so the same dialogues and request give the same answer. They make
a whole release on any machine, for trying the pipeline; their measured quality is on the card.
"""
