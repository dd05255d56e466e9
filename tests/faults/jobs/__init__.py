"""What does a sick store, or a killed process, cost background jobs? Time, and no job."""
