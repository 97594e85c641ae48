"""Day-ahead markets asked over HTTP: what they answer, when they are asked, how."""
