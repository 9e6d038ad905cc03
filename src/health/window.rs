//! The sample window of one probed address (FD-C16 to FD-C19).
