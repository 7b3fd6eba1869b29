"""UnifiReward: one model that scores every step of a reasoning trace, and its reply.

PEER (arXiv 2508.09521) names such a model, but its architecture and its loss are not published: what is here is our own
design. A causal language model has one scalar head, which is read at the last token of each step: the log-odds that
the step is right. Their sum is the score of the whole trace. Steps are learnt by binary cross-entropy, pairs of traces
by Bradley and Terry's model of these sums, in mixed batches and one loss. Were the last value alone the score of the
whole, labels and pairs would pull it two ways: a good reply after a wrong step is right by the ones, bad by the others.
"""
