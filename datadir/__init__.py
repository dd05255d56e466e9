"""Where does it rest, in what shape, and how is it reached? One folder per store."""
