"""What does one sick store cost? Its own fields, for a moment, and nothing else."""
