"""What a run says, one module a format: text for people, JSON for programs. They tell and decide nothing."""
