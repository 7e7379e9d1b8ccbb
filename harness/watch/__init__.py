"""`harness watch`: on every save, run the scenarios that it affects.

One process keeps running (watch.loop). It has imported what every round needs, and forks a child for each round
(round), in which pytest imports the project's own files again. A second process reports the saves (watcher, saves).
"""
