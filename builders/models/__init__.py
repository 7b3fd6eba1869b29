"""Models: everything that turns a request into an outcome, behind the one-method protocol of `client`.

`pool` opens the models of a command. `_http` puts an endpoint together from its wrappers: records (`record`), budget
(`budget`), retries (`_retry`), limits (`limit`), and one POST. `batch/` is the provider's Batch API, `baseline/` the
embedded models that need no network.
"""
