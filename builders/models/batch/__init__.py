"""The provider's Batch API behind the same protocol: requests wait in a ledger, and answers arrive as records.

`ledger` keeps requests and jobs on disk, `runner` takes jobs through their states, `_provider` talks to the API,
`_results` and `_finalize` import what came back. A killed command finds its batches again by their ids.
"""
