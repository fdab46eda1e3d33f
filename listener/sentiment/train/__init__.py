"""Trains the classifiers of models/: `python -m listener.sentiment.train DATA [OUT]`. Needs the extra `train`."""
