//! Generations kept for rollback: who, when, what changed, and the text.
