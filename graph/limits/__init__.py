"""What is refused before it is executed? One rule per file."""
