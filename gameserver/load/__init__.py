"""Load tests with an answer: the largest crowd for which a server holds an objective.

Owns the objective, the search, the processes that play the crowd, and the report.  The bots are
those of ``clients/bots``.
"""
