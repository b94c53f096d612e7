"""Export of SAM 2.1 models to the weight-free ONNX graphs that the engine runs."""
