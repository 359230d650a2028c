"""Labelled text in, checked bundle out: corpus, labels, fine-tune, evaluate, export."""
