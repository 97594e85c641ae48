"""The local API from the asker's side, for the command line. Nothing of the server is loaded with it."""
