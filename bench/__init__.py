"""How fast is it, measured by one command each? Numbers go to `bench/out/`, flat names to numbers."""
