"""For authors of plugins: write a package to start from, and try one out."""
