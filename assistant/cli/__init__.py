"""The command line. One file for each group of commands; whatever is heavy is imported inside the command."""
