"""
Before and after: what is measured, in which order, what came out, and whether the goals hold. Data to data; the
commands are run by `workflow.bench`.
"""
