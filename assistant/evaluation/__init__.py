"""How good a model is, measured the same way every time: scores, their intervals, and the floors beneath them.

`metrics` and `captions` hold the arithmetic, `rows` reads a file of labelled pictures, `subject` is the model under
test, `vision` asks it and counts. Nothing here imports torch, a plugin or the bundled model.
"""
