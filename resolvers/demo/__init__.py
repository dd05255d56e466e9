"""What does a newcomer see on the first start? A small school, made from packaged texts and fixed names."""
