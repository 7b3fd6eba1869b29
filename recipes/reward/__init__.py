"""UnifiReward: one model that scores every step of a reasoning trace, and its reply.

PEER (arXiv 2508.09521) names such a model, but its architecture and its loss are not published: what is here is our own
design. A causal language model has one scalar head, which is read at the last token of each step. The value at the last
step, the reply, is at the same time the score of the whole. Steps are learnt by binary cross-entropy, pairs of traces
by Bradley and Terry's model, in mixed batches and one loss.
"""
