"""Who comes in: the gate in front of every route, the page to sign in, and what a route knows of the person."""
