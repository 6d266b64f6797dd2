"""For whoever is not there to look: what a run came to as numbers and notifications, and runs again and again."""
