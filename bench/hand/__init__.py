"""What would a good engineer write by hand for three of the graph's operations? The yardstick of `bench.execution`."""
