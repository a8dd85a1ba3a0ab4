"""Running a card's recipe on a data set. One of the two rooms that import torch."""
