"""Training of a model's weights, behind the protocol of a run: the only package besides backbones that needs torch."""
