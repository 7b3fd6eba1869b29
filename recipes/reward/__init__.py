"""UnifiReward: one model that scores every step of a reasoning trace, and its reply.

PEER (arXiv 2508.09521) names such a model but publishes neither architecture nor loss, so both are our own design. A
causal language model has one scalar head, read at the last token of each step: the log-odds that the step is right.
Their sum scores the whole trace. Steps are learnt by binary cross-entropy, pairs of traces by Bradley and Terry's model
of the sums, in mixed batches and one loss. If the reply's value alone scored the trace, labels and pairs would
contradict each other: a good reply after a wrong step is right by its label, but on the worse side of its pair.

Read `rows` (the training data, and the tokens at which steps end), `model` (the model that scores), `trainer` (batches,
loss, trainer), then `baselines` and `report` (how the model compares with scorers that do not read the dialogue).
"""
