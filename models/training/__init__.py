"""How the packaged weights came about: scenes, questions, data sets, loop, calibration, evaluation.

Not shipped in the wheel. Run with `models/` on the import path, for example
`PYTHONPATH=models python -m training.train models/training/recipes/open.toml --data FOLDER --resume`.
"""
