"""The domain: names, driver records, freshness, the budget and the service.

No I/O and no framework in here. What the core needs from outside stands in `ports`.
"""
