"""What machines boot: the answer to netboot, and the files behind it."""
