"""Structured reasoning: traces are inferred, every step is labelled, and rows are made of them.

After PEER / SER (arXiv 2508.09521), whose data and labelling were not published: what is asked, the votes, the rules,
the scores, the pairs, the personalities and the weights are our own design. As in `mining`, everything but `weights`
is pure: functions from turns and answers to candidates.
"""
