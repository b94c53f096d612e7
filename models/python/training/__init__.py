"""Training of SAM 2.1 models on clips of slices: generated scenes or folders of npz volumes."""
