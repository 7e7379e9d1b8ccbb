"""`harness watch`: on every save the scenarios that it concerns run again.

One process lives on (watch.loop). It has imported what every round needs, and forks one child a round (round), in which
pytest imports the project's own files afresh. A second process beside it tells of saves (watcher, saves).
"""
