"""Metrics of a system's strategies and replies, all computed on the same sample of answers.

* `sample`: one system's answers with their bootstrap weights, and the words of a reply.
* `measured`: the value of a metric with its bootstrap samples, and the comparison of two systems.
* `strategies`, `bias`: agreement with the human's strategies and emotions, and preference bias.
* `overlap`, `likeness`, `diversity`: replies beside the human's, by words and by meaning, and beside each other.
* `catalogue`: all metrics together. To add a family, write its file and add it there.
"""
