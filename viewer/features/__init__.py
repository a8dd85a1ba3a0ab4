"""The parts of the job, each plugged into the window."""
