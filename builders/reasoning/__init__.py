"""Structured reasoning: draws traces, labels their steps, rewrites their replies and makes rows of them.

After PEER / SER (arXiv 2508.09521), whose data and labelling were not published: the questions, the votes, the rules,
the scores, the pairs, the personalities and the weights are our own design. As in `mining`, everything but
`rows.Weighing` is pure. Read in this order:

* `reason`: the conversation about one turn.
* `candidate`: a trace on its way to rows; `labels`: votes on its steps; `styling`: rewritings of its reply.
* `rows`: pairs of traces, rows, and their weights.
"""
