"""Running a model card. One of the two rooms that import torch."""
