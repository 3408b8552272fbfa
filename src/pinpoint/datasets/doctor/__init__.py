"""What is wrong with labels, found one by one and mended where that is safe."""
