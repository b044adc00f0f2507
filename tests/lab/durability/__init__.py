"""What a program leaves on its disk when the power fails: recorded, replayed to any instant, looked at."""
